import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { endianness } from "node:os";
import { arch, platform, report } from "node:process";
import type { NodeFacts } from "./compute.ts";
import type { Libc } from "./specification.ts";

export type { NodeFacts };

// Not looked for in PATH: it is in none of an ordinary user's, and what is there under its name may be anything.
const LDCONFIG = ["/sbin/ldconfig", "/usr/sbin/ldconfig", "/usr/bin/ldconfig"];

let facts: Promise<NodeFacts> | undefined;

/**
 * What this machine says of itself, read once for the life of the process. A machine without `ldconfig` has no
 * libraries; that is no error, and neither is one whose `ldconfig` fails or takes longer than ten seconds.
 */
export function readNodeFacts(): Promise<NodeFacts> {
  facts ??= collectNodeFacts();
  return facts;
}

/**
 * As {@link readNodeFacts}, but reads anew.
 *
 * @param options.ldconfig - absolute paths at which to look for `ldconfig`; the first one that answers counts
 */
export async function collectNodeFacts(options: { readonly ldconfig?: readonly string[] } = {}): Promise<NodeFacts> {
  const isLinux = platform === "linux";
  const [libc, ldconfig] = isLinux
    ? await Promise.all([readLibc(), readLdconfig(options.ldconfig ?? LDCONFIG)])
    : [undefined, undefined];
  return { platform, arch, endianness: endianness(), libc, ldconfig };
}

async function readLdconfig(files: readonly string[]): Promise<string | undefined> {
  for (const file of files) {
    const output = await run(file, ["-p"]);
    if (output?.succeeded) {
      return output.stdout;
    }
  }
  return undefined;
}

/** The C library of the Node that runs this, which is the node's own. */
async function readLibc(): Promise<Libc | undefined> {
  const version = glibcVersion();
  if (version !== undefined) {
    return { family: "glibc", version };
  }
  const files = await readdir("/lib").catch((): string[] => []);
  const loader = files.find((file) => /^ld-musl-.+\.so\.1$/.test(file));
  if (loader === undefined) {
    return undefined;
  }
  // Without a program to load it says what it is, on stderr, and fails.
  const output = await run(`/lib/${loader}`, []);
  return { family: "musl", version: /^Version (\d[\d.]*)/m.exec(output?.stderr ?? "")?.[1] ?? "" };
}

function glibcVersion(): string | undefined {
  // Otherwise the report asks the name server for the name of every peer, and waits for the answer. By reflection
  // because the types do not know it.
  const before: unknown = Reflect.get(report, "excludeNetwork");
  Reflect.set(report, "excludeNetwork", true);
  try {
    const version = property(property(report.getReport(), "header"), "glibcVersionRuntime");
    return typeof version === "string" ? version : undefined;
  } finally {
    Reflect.set(report, "excludeNetwork", before);
  }
}

function property(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null
    ? new Map<string, unknown>(Object.entries(value)).get(key)
    : undefined;
}

interface Output {
  readonly succeeded: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Nothing when it could not be started. */
function run(file: string, args: readonly string[]): Promise<Output | undefined> {
  return new Promise((resolve) => {
    const options = {
      env: { LC_ALL: "C" },
      timeout: 10_000,
      maxBuffer: 16 * 1024 * 1024,
      killSignal: "SIGKILL",
    } as const;
    const child = execFile(file, [...args], options, (error, stdout, stderr) => {
      resolve(child.pid === undefined ? undefined : { succeeded: error === null, stdout, stderr });
    });
  });
}
