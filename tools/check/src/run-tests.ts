import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Tally } from "./check.ts";

/** What vitest's JSON reporter writes, as far as it is looked at. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/**
 * Runs the tests, a line for each as it ends.
 *
 * @param scratch - a directory for the report
 * @param temporary - a directory for the tests' temporary files
 * @param filters - files or folders; without them, all
 */
export async function runTests(
  root: string,
  { scratch, temporary, filters }: { scratch: string; temporary: string; filters: readonly string[] },
): Promise<Tally> {
  const file = join(scratch, "tests.json");
  const args = ["run", "--reporter=verbose", "--reporter=json", `--outputFile.json=${file}`, ...filters];
  const succeeded = await new Promise<boolean>((resolve) => {
    // In CI vitest colours its lines, whatever they are written to.
    const env = { ...process.env, TMPDIR: temporary, ...(!process.stdout.isTTY && { NO_COLOR: "1" }) };
    const child = spawn("vitest", args, { cwd: root, env, stdio: ["ignore", "inherit", "inherit"] });
    child.on("error", () => resolve(false));
    child.on("close", (code) => resolve(code === 0));
  });
  const report: Report | undefined = await readFile(file, "utf8").then(JSON.parse, () => undefined);
  return tallyOf(report, succeeded);
}

/** A file of tests that could not be loaded is one failure; so is a run that failed for what no test shows. */
export function tallyOf(report: Report | undefined, succeeded: boolean): Tally {
  if (!report) {
    return { passed: 0, failed: 1 };
  }
  const unloadable = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some((assertion) => assertion.status === "failed"),
  );
  const failed = report.numFailedTests + unloadable.length;
  return { passed: report.numPassedTests, failed: failed === 0 && !succeeded ? 1 : failed };
}
