// A publisher that dies at a step of its work on the file system. Run as a program of its own: it changes what
// `node:fs/promises` does. Arguments: mode, file to publish, directory for repositories.
//
// `kill N`: publishes and sends itself SIGKILL before the Nth change. `all`: for N from 1 on, publishes to a repository of its
// own and does nothing any more from the Nth change on, until a publish is through; says after each what is there.
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import type { Release } from "@nodemanager/repository";

/** What is there after a crash before the Nth change, and after publishing again. */
export interface AfterCrash {
  readonly n: number;
  readonly crashed: boolean;
  readonly visible: readonly Release[];
  readonly afterwards: readonly Release[];
  readonly leftovers: readonly string[];
}

let changes = 0;
let dieAt = Number.POSITIVE_INFINITY;
let die: () => void = () => {};

function step(): void {
  if (++changes >= dieAt) {
    die();
  }
}

type Verb = (...args: never[]) => unknown;

function interrupt(target: object, verb: string): void {
  const original: Verb = Reflect.get(target, verb);
  Reflect.set(target, verb, function interrupted(this: unknown, ...args: never[]) {
    step();
    return Reflect.apply(original, this, args);
  });
}

const [mode = "", file = "", dir = ""] = process.argv.slice(2);

// Before anything else sees them.
const probe = await fs.open(file);
for (const verb of ["write", "writeFile", "sync", "datasync", "truncate", "chmod"]) {
  interrupt(Object.getPrototypeOf(probe), verb);
}
await probe.close();
for (const verb of ["mkdir", "rename", "link", "unlink", "rm", "rmdir"]) {
  interrupt(fs, verb);
}
syncBuiltinESMExports();
const { openRepository, publish } = await import("@nodemanager/repository");

async function publishTo(path: string): Promise<void> {
  const to = await openRepository({ kind: "file", dir: path });
  const description = { version: "1.0.0", args: ["--serve"] };
  await publish({ file, to, application: "app", description, profiles: ["p", "q"], tuning: { attempts: 1 } });
}

/** Everything that a client sees, having read all of it. */
async function visibleIn(path: string): Promise<readonly Release[]> {
  const repository = await openRepository({ kind: "file", dir: path });
  let releases: readonly Release[];
  try {
    releases = await repository.applications.list();
  } catch (error) {
    if (error instanceof Error && "reason" in error && error.reason === "REPOSITORY_UNAVAILABLE") {
      return [];
    }
    throw error;
  }
  for (const { application, version, profiles } of releases) {
    for (const profile of profiles) {
      const { envelope } = await repository.applications.match(application, { version, profiles: [profile] });
      let bytes = 0;
      for await (const chunk of repository.binaries.open(envelope.binary.sha256)) {
        bytes += chunk.length;
      }
      if (bytes !== envelope.binary.sizeBytes) {
        throw new Error(`an envelope with half a binary is visible: ${bytes} bytes`);
      }
    }
  }
  return releases;
}

async function crashBefore(n: number): Promise<AfterCrash> {
  const path = join(dir, `repository-${n}`);
  changes = 0;
  dieAt = n;
  let crashed = false;
  die = () => {
    crashed = true;
    throw new Error("dead");
  };
  await publishTo(path).catch((error) => {
    if (!crashed) {
      throw error;
    }
  });
  dieAt = Number.POSITIVE_INFINITY;
  const visible = await visibleIn(path);
  await publishTo(path);
  const names = await fs.readdir(path, { recursive: true });
  return {
    n,
    crashed,
    visible,
    afterwards: await visibleIn(path),
    leftovers: names.filter((name) => name.includes(".incoming-") || name.includes(".deleted-")),
  };
}

if (mode === "all") {
  for (let n = 1; ; n++) {
    const after = await crashBefore(n);
    console.log(JSON.stringify(after));
    if (!after.crashed) {
      break;
    }
  }
} else {
  dieAt = Number(mode);
  die = () => process.kill(process.pid, "SIGKILL");
  await publishTo(join(dir, "repository"));
}
