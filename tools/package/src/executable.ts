import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Arch, isNative } from "./arch.ts";
import { runTool } from "./run-tool.ts";

/** What the start script of a clone says to Node, said for good; see `apps/noded/bin/noded`. */
const NODE_FLAGS = ["--max-semi-space-size=1", "--no-opt", "--no-maglev"];

/**
 * Makes one executable of a Node and a script, with the script's compiled code in it where it can be made here. The same
 * input gives the same bytes.
 *
 * @param node - without symbols
 * @param scratch - a directory for what is needed on the way
 */
export function buildExecutable(
  arch: Arch,
  o: { readonly node: string; readonly script: string; readonly output: string; readonly scratch: string },
): void {
  mkdirSync(o.scratch, { recursive: true });
  mkdirSync(dirname(o.output), { recursive: true });
  const incoming = join(o.scratch, `executable-${arch}`);
  const config = join(o.scratch, `executable-${arch}.json`);
  const settings = {
    main: o.script,
    mainFormat: "module",
    output: incoming,
    executable: o.node,
    disableExperimentalSEAWarning: true,
    useCodeCache: isNative(arch),
    execArgv: [...NODE_FLAGS, "--disable-warning=ExperimentalWarning"],
    // NODE_OPTIONS of whoever calls would otherwise load code into the manager.
    execArgvExtension: "none",
  };
  writeFileSync(config, JSON.stringify(settings));
  // Compiled code is refused by a Node with other flags than the one that compiled it. The seed is no such flag, and
  // without one no two builds are alike.
  runTool(process.execPath, [...NODE_FLAGS, "--random-seed=1", "--build-sea", config]);
  renameSync(incoming, o.output);
}
