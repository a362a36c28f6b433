import { enableCompileCache } from "node:module";
import { join } from "node:path";

// Before anything else is loaded, so that all of it is compiled once and not at every start. Where nothing can be
// written it does nothing.
enableCompileCache(join(import.meta.dirname, "../node_modules/.cache/nmctl"));

const { runProgram } = await import("./program.ts");
await runProgram();
