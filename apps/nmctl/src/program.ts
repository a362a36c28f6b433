import { run } from "./run.ts";

/** Runs the command that the arguments of this process name, and ends the process with its status. */
export async function runProgram(): Promise<never> {
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (interrupted.signal.aborted) {
        process.exit(130);
      }
      interrupted.abort();
    });
  }
  const status = await run(process.argv.slice(2), {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    uid: process.getuid?.() ?? 0,
    now: Date.now,
    interrupted: interrupted.signal,
  });
  // Connections that are being closed need not be waited for: the command has ended.
  process.exit(status);
}
