// Runs every check and every test: `node tools/check/run.ts [TEST-FILE-OR-FOLDER...]`. `npm test` sets up and runs it.
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runChecks } from "./src/check.ts";
import { command } from "./src/command.ts";
import { leftoversCheck } from "./src/leftovers.ts";
import { packageChecks } from "./src/package-checks.ts";
import { releaseCheck } from "./src/release-check.ts";
import { runTests } from "./src/run-tests.ts";

const root = dirname(dirname(import.meta.dirname));
const proto = join(root, "packages/proto");
const scratch = join(root, ".cache/check");
await rm(scratch, { recursive: true, force: true });
await mkdir(scratch, { recursive: true });

const checks = [
  command("format and lint: biome", root, "biome", ["ci", "--error-on-warnings", "--colors=off", "."]),
  command("protos: buf lint", proto, "buf", ["lint"]),
  command("protos: buf format", proto, "buf", ["format", "-d", "--exit-code"]),
  command("protos: buf breaking", proto, "buf", ["breaking", "--against", "baseline.binpb"]),
  command("lockfile: pnpm", root, "pnpm", ["install", "--frozen-lockfile", "--lockfile-only", "--offline"]),
  command("types: tsc", root, "tsc", ["-p", "tsconfig.json"]),
  command("workspace: import directions, exports, READMEs", root, "node", ["tools/check/workspace.ts"]),
  command("unused files, exports and dependencies: knip", root, "knip", ["--no-progress", "--no-config-hints"]),
  ...packageChecks(root, scratch),
  releaseCheck(root, scratch),
];
const write = (text: string) => process.stdout.write(text);
const tallies = [await runChecks(checks, write)];

// Beside others' temporary files and not in the clone: sockets need a short path.
const temporary = await mkdtemp(join(tmpdir(), "nmt-"));
// Some tests run programs as an ordinary user, who has to get through.
await chmod(temporary, 0o711);
try {
  tallies.push(await runTests(root, { scratch, temporary, filters: process.argv.slice(2) }));
  tallies.push(await runChecks([leftoversCheck(temporary)], write));
} finally {
  await rm(temporary, { recursive: true, force: true });
  await rm(scratch, { recursive: true, force: true });
}

const passed = tallies.reduce((sum, tally) => sum + tally.passed, 0);
const failed = tallies.reduce((sum, tally) => sum + tally.failed, 0);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
