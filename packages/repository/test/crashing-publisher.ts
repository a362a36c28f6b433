// A publisher whose work on the file system goes wrong at a step. Run as a program of its own: it changes what
// `node:fs/promises` does. Arguments: mode, file to publish, directory for repositories.
//
// `N`: publishes and sends itself SIGKILL before the Nth change. `crash`: for N from 1 on, publishes to a repository of its own
// and does nothing any more from the Nth change on, until a publish is through; says after each what is there. `ENOSPC,EIO`:
// the same, but only the Nth change fails, with one of these errors in turn. `trace`: publishes and says what it changed.
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import type { Release } from "@nodemanager/repository";
import { binaryOf } from "@nodemanager/testing";

/** What is there after the Nth change failed, and after publishing again. */
export interface AfterFault {
  readonly n: number;
  readonly faulty: boolean;
  /** Of what the publisher said. */
  readonly reason?: string;
  readonly visible: readonly Release[];
  readonly afterwards: readonly Release[];
  readonly leftovers: readonly string[];
}

let changes = 0;
let failAt = Number.POSITIVE_INFINITY;
let fail: () => void = () => {};
const trace: string[] = [];
const paths = new WeakMap<object, string>();

type Verb = (...args: unknown[]) => unknown;

function interrupt(target: object, verb: string): void {
  const original: Verb = Reflect.get(target, verb);
  Reflect.set(target, verb, function interrupted(this: unknown, ...args: unknown[]) {
    if (++changes >= failAt) {
      fail();
    }
    const path = typeof this === "object" && this !== null ? paths.get(this) : undefined;
    trace.push(
      [verb, ...(path === undefined ? args.slice(0, verb === "rename" || verb === "link" ? 2 : 1) : [path])].join(" "),
    );
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
const openFile = fs.open;
fs.open = async (path, ...more) => {
  const handle = await openFile(path, ...more);
  paths.set(handle, String(path));
  return handle;
};
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
      for await (const chunk of repository.binaries.open(binaryOf(envelope).sha256)) {
        bytes += chunk.length;
      }
      if (bytes !== binaryOf(envelope).sizeBytes) {
        throw new Error(`an envelope with half a binary is visible: ${bytes} bytes`);
      }
    }
  }
  return releases;
}

async function failBefore(n: number): Promise<AfterFault> {
  const path = join(dir, `repository-${n}`);
  changes = 0;
  failAt = n;
  let faulty = false;
  fail = () => {
    faulty = true;
    if (mode === "crash") {
      throw new Error("dead");
    }
    failAt = Number.POSITIVE_INFINITY;
    const codes = mode.split(",");
    throw Object.assign(new Error("fault"), { code: codes[n % codes.length] });
  };
  let reason: string | undefined;
  try {
    await publishTo(path);
  } catch (error) {
    if (!faulty) {
      throw error;
    }
    reason = error instanceof Error && "reason" in error ? String(error.reason) : String(error);
  }
  failAt = Number.POSITIVE_INFINITY;
  const visible = await visibleIn(path);
  await publishTo(path);
  const names = await fs.readdir(path, { recursive: true });
  return {
    n,
    faulty,
    ...(reason !== undefined && { reason }),
    visible,
    afterwards: await visibleIn(path),
    leftovers: names.filter((name) => name.includes(".incoming-") || name.includes(".deleted-")),
  };
}

if (/^[0-9]+$/.test(mode)) {
  failAt = Number(mode);
  fail = () => process.kill(process.pid, "SIGKILL");
  await publishTo(join(dir, "repository"));
} else if (mode === "trace") {
  await publishTo(join(dir, "repository"));
  console.log(JSON.stringify(trace));
} else {
  for (let n = 1; ; n++) {
    const after = await failBefore(n);
    console.log(JSON.stringify(after));
    if (!after.faulty) {
      break;
    }
  }
}
