// Measures noded beside the bare operations that it is made of, in one run: `npm run bench`.
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { chmod, mkdir, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openRepository, parseRepositoryAddress, publish } from "@nodemanager/repository";
import { serveRepository } from "@nodemanager/repository/server";
import { Births } from "./src/births.ts";
import { NodeUnderTest } from "./src/node-under-test.ts";

const ROUNDS = 30;
const CROWD = 100;
const CROWD_ROUNDS = 5;
const GIB = 1024 ** 3;

const clone = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const dir = await mkdtemp(join(tmpdir(), "nm-bench-"));
/** The bare children that are to be ended. */
const children: ReturnType<typeof spawn>[] = [];
const births = join(dir, "births");
const logs = join(dir, "logs");
await mkdir(births);
// Where the manager is root, each installation has an account of its own.
await chmod(dir, 0o711);
await chmod(births, 0o777);
await mkdir(logs);
// The first thing that the program does is to say that it runs.
const program = join(dir, "program");
await writeFile(program, '#!/bin/sh\n: > "$1/$$"\nexec sleep 100000\n');
await chmod(program, 0o755);

await using repository = await serveRepository({
  dir: join(dir, "repository"),
  listen: { kind: "tcp", host: "127.0.0.1", port: 0 },
});
await using publisher = await openRepository(parseRepositoryAddress(repository.address));
const origin = await put("program", program);
{
  await using node = await NodeUnderTest.start(join(clone, "apps/noded/bin/noded"), dir);
  await sleep(1000);
  const idle = node.memory();
  row("resident memory of noded, idle, MB", idle.rss / 1024);
  row("  of it anonymous, MB", idle.anonymous / 1024);
  await measureBirths(node);
  await measureCrowd(node);
  await measureIdle(node);
  await measureLargeInstall(node);
}
await rm(dir, { recursive: true, force: true });

async function measureBirths(node: NodeUnderTest): Promise<void> {
  using watcher = new Births(births);
  const installation = await node.install(origin, [births]);
  const ofSameUser = await node.install(origin, [births], { sameUser: true });
  const bare: number[] = [];
  const managed: number[] = [];
  const asSameUser: number[] = [];
  const acknowledged: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    bare.push(await timed(watcher, async () => spawnBare()));
    managed.push(
      await timed(watcher, async () => {
        const begin = performance.now();
        await node.start(installation);
        acknowledged.push(performance.now() - begin);
      }),
    );
    asSameUser.push(await timed(watcher, () => node.start(ofSameUser)));
  }
  await endAll(node);
  row("bare spawn to the child's first action, ms", median(bare));
  row("start by RPC to the child's first action, ms", median(managed), median(managed) / median(bare));
  row("  without an account of its own, ms", median(asSameUser), median(asSameUser) / median(bare));
  row("start by RPC to its acknowledgement, ms", median(acknowledged));
}

async function measureCrowd(node: NodeUnderTest): Promise<void> {
  using watcher = new Births(births);
  const installation = await node.install(origin, [births]);
  const bare: number[] = [];
  const managed: number[] = [];
  const stops: number[] = [];
  for (let round = 0; round < CROWD_ROUNDS; round++) {
    const each = Array.from({ length: CROWD });
    bare.push(await timedCrowd(watcher, () => Promise.all(each.map(async () => spawnBare()))));
    managed.push(await timedCrowd(watcher, () => Promise.all(each.map(() => node.start(installation)))));
    const begin = performance.now();
    await node.stop(installation);
    stops.push(performance.now() - begin);
    endBare();
  }
  row(`${CROWD} bare spawns at once to the last first action, ms`, median(bare));
  row(`${CROWD} starts by RPC at once to the last first action, ms`, median(managed), median(managed) / median(bare));
  row(`stop of ${CROWD} instances by one call, ms`, median(stops));
}

async function measureIdle(node: NodeUnderTest): Promise<void> {
  const installation = await node.install(origin, [births]);
  const few = await memoryWith(node, installation, CROWD / 2);
  const many = await memoryWith(node, installation, CROWD);
  row("resident memory for each further running instance, MB", (many - few) / 1024 / CROWD);
  const before = node.switches();
  await sleep(5000);
  row("wake-ups a second with 150 running instances and nothing to do", (node.switches() - before) / 5);
  await endAll(node);
}

/** Resident memory after so many more starts, one after the other. */
async function memoryWith(node: NodeUnderTest, installation: string, more: number): Promise<number> {
  for (let i = 0; i < more; i++) {
    await node.start(installation);
  }
  await sleep(1000);
  return node.memory().rss;
}

async function measureLargeInstall(node: NodeUnderTest): Promise<void> {
  const large = join(dir, "large");
  const file = await open(large, "w", 0o755);
  await file.write("#!/bin/sh\n");
  await file.truncate(GIB);
  await file.close();
  const largeOrigin = await put("large", large);
  const before = node.memory().rss;
  let peak = before;
  const sampling = setInterval(() => {
    peak = Math.max(peak, node.memory().rss);
  }, 20);
  const begin = performance.now();
  await node.install(largeOrigin);
  const seconds = (performance.now() - begin) / 1000;
  clearInterval(sampling);
  row("install of 1 GiB over grpc: on loopback, MB/s", 1024 / seconds);
  row("  memory above what it was before, at the highest, MB", (peak - before) / 1024);
}

async function put(application: string, file: string): Promise<string> {
  const { envelope } = await publish({
    file,
    to: publisher,
    application,
    profiles: ["linux-amd64", "linux-arm64"],
    description: { version: "1.0.0", readiness: { kind: "none", settleMs: 0 } },
  });
  return `${repository.address}/${application}@${envelope.version}`;
}

/** What a supervisor does at the least: a process group of its own, and files for its output. */
function spawnBare(): void {
  const log = openSync(join(logs, "stdout"), "a");
  children.push(
    spawn(program, [births], { detached: true, stdio: ["ignore", log, log], env: { PATH: "/usr/bin:/bin" } }),
  );
  closeSync(log);
}

function endBare(): void {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
  }
}

async function endAll(node: NodeUnderTest): Promise<void> {
  endBare();
  await node.stop("apps");
}

async function timed(watcher: Births, start: () => Promise<unknown>): Promise<number> {
  const born = watcher.next(1);
  const begin = performance.now();
  await start();
  return (await born) - begin;
}

async function timedCrowd(watcher: Births, start: () => Promise<unknown>): Promise<number> {
  const born = watcher.next(CROWD);
  const begin = performance.now();
  await start();
  return (await born) - begin;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function row(what: string, value: number, ratio?: number): void {
  console.log(
    `${what.padEnd(66)} ${value.toFixed(2).padStart(9)}${ratio === undefined ? "" : `   ${ratio.toFixed(2)} times`}`,
  );
}
