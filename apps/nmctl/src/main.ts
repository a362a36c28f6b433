import { enableCompileCache } from "node:module";
import { join } from "node:path";

// Before anything else is loaded, so that all of it is compiled once and not at every start. Where nothing can be
// written it does nothing.
enableCompileCache(join(import.meta.dirname, "../node_modules/.cache/nmctl"));

const { run } = await import("./run.ts");
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
