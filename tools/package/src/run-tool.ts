import { spawnSync } from "node:child_process";

/**
 * Runs a program to its end and gives what it wrote to stdout.
 *
 * @throws Error with what it wrote to stderr when it fails
 */
export function runTool(
  command: string,
  args: readonly string[],
  o: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    ...o,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (error || status !== 0) {
    throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? `status ${status}`}\n${stdout}${stderr}`, {
      cause: error,
    });
  }
  return stdout;
}

/** Whether there is such a program on the PATH. */
export function hasTool(command: string): boolean {
  return spawnSync("sh", ["-c", 'command -v "$1"', "sh", command], { stdio: "ignore" }).status === 0;
}
