/** One thing that is checked. */
export interface Check {
  readonly name: string;
  /** What it found; empty when all is well. */
  run(): Promise<string>;
}

/** How many passed and how many failed. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
}

/**
 * Runs checks one after the other, each on a line of its own, and goes on after a failure, whose findings follow its line.
 * A check that throws has failed.
 */
export async function runChecks(checks: readonly Check[], write: (text: string) => void): Promise<Tally> {
  let [passed, failed] = [0, 0];
  for (const check of checks) {
    const startMs = performance.now();
    const findings = await check.run().catch((error: unknown) => String(error instanceof Error ? error.stack : error));
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    if (findings === "") {
      passed++;
      write(`ok    ${check.name} (${seconds} s)\n`);
    } else {
      failed++;
      write(`FAIL  ${check.name} (${seconds} s)\n${indent(findings)}\n`);
    }
  }
  return { passed, failed };
}

function indent(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, "      ");
}
