// Measures what is packaged beside a bare Node, in one run: `node tools/package/bench.ts`, after `npm run package`.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const ROUNDS = 15;
const READY_FD = 3;

const root = dirname(dirname(import.meta.dirname));
const { version }: { version: string } = JSON.parse(readFileSync(join(root, "apps/noded/package.json"), "utf8"));
const node = join(root, `node_modules/node-linux-${process.arch}/bin/node`);
const executable = join(root, `build/noded-${version}-linux-${process.arch}`);
// As the units and start scripts set it.
const env = { PATH: `${dirname(node)}:/usr/bin:/bin`, MALLOC_ARENA_MAX: "1", MALLOC_TRIM_THRESHOLD_: "65536" };
const FORMS = [
  {
    form: "start script of a clone",
    noded: join(root, "apps/noded/bin/noded"),
    nmctl: join(root, "apps/nmctl/bin/nmctl"),
  },
  { form: "one script", noded: join(root, "build/noded"), nmctl: join(root, "build/nmctl") },
  { form: "executable", noded: executable, nmctl: executable },
];

for (const { noded, nmctl } of FORMS) {
  if (!existsSync(noded) || !existsSync(nmctl)) {
    console.error("bench: npm run package comes first");
    process.exit(1);
  }
}
const dir = mkdtempSync(join(tmpdir(), "nm-bench-"));
const times = new Map<string, number[]>();
const notes = new Map<string, string>();
try {
  // In turn, so that what else the machine does is shared by all.
  for (let round = 0; round < ROUNDS; round++) {
    note("bare Node: node -e 0", run(node, ["-e", "0"]));
    for (const { form, noded, nmctl } of FORMS) {
      note(`${form}: nmctl version`, run(nmctl, ["version"], "nmctl"));
      const { ms, memory } = await serve(noded, round === 0);
      note(`${form}: noded until it serves`, ms, memory && `${megabytes(noded)} MB on disk, ${memory}`);
    }
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
console.log(`${"".padEnd(48)}   min  median of ${ROUNDS}`);
for (const [what, ms] of times) {
  ms.sort((a, b) => a - b);
  const figures = [ms[0], ms[Math.floor(ROUNDS / 2)]].map((figure) => (figure ?? Number.NaN).toFixed(0).padStart(5));
  console.log(`${what.padEnd(48)} ${figures.join(" ")} ms   ${notes.get(what) ?? ""}`.trimEnd());
}

function note(what: string, ms: number, more: string = ""): void {
  times.set(what, [...(times.get(what) ?? []), ms]);
  if (more) {
    notes.set(what, more);
  }
}

function run(file: string, args: readonly string[], argv0: string = file): number {
  const begin = performance.now();
  spawnSync(file, args, { env, stdio: "ignore", argv0 });
  return performance.now() - begin;
}

async function serve(file: string, isMeasured: boolean): Promise<{ readonly ms: number; readonly memory: string }> {
  const begin = performance.now();
  const args = ["--root", join(dir, "root"), "--listen", `unix:${join(dir, "s")}`, "--ready-fd", String(READY_FD)];
  const child = spawn(file, args, { env, stdio: ["ignore", "ignore", "ignore", "pipe"] });
  const ready = child.stdio[READY_FD];
  if (!ready) {
    throw new Error("there is no descriptor to hear on");
  }
  await once(ready, "data");
  const ms = performance.now() - begin;
  if (isMeasured) {
    await sleep(1000);
  }
  const memory = isMeasured ? memoryOf(child.pid ?? 0) : "";
  child.kill();
  await once(child, "close");
  rmSync(join(dir, "root"), { recursive: true });
  return { ms, memory };
}

function megabytes(file: string): string {
  return (statSync(file).size / 1e6).toFixed(1);
}

function memoryOf(pid: number): string {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const mb = (field: string) => (Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(text)?.[1]) / 1024).toFixed(1);
  return `${mb("Anonymous")} MB anonymous of ${mb("Rss")} MB resident`;
}
