import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Arch, isNative } from "./arch.ts";
import { hasTool, runTool } from "./run-tool.ts";

/** A Node to make an executable of. */
export interface NodeBinary {
  readonly file: string;
  /** Its version and the hash of its package: what this is made of. */
  readonly identity: string;
  readonly licenseFile: string;
  readonly isStripped: boolean;
}

/**
 * The Node that the lockfile pins, for an architecture that need not be this one's, without its symbols where there is a
 * program that takes them out. Kept in `cache`, by hash.
 *
 * @throws Error when what npm gives is not what the lockfile says
 */
export function nodeBinary(arch: Arch, { root, cache }: { readonly root: string; readonly cache: string }): NodeBinary {
  const { version, integrity } = pinned(arch, readFileSync(join(root, "pnpm-lock.yaml"), "utf8"));
  const identity = `node-linux-${arch}@${version} ${integrity}`;
  const strip = stripper(arch);
  const name = `node-${arch}-${createHash("sha256").update(identity).digest("hex").slice(0, 16)}`;
  const dir = isNative(arch) ? join(root, `node_modules/node-linux-${arch}`) : join(cache, name);
  if (!existsSync(dir)) {
    fetchPackage(`node-linux-${arch}@${version}`, { integrity, dir, cache });
  }
  const licenseFile = join(dir, "LICENSE");
  if (!strip) {
    return { file: join(dir, "bin/node"), identity, licenseFile, isStripped: false };
  }
  const file = join(cache, `${name}-${strip}`);
  if (!existsSync(file)) {
    mkdirSync(cache, { recursive: true });
    const incoming = `${file}.incoming`;
    copyFileSync(join(dir, "bin/node"), incoming);
    // Before the program goes in: afterwards its note is in no segment, and strip damages it.
    runTool(strip, [incoming]);
    renameSync(incoming, file);
  }
  return { file, identity, licenseFile, isStripped: true };
}

/** The version and hash that the lockfile has for the Node of an architecture. */
export function pinned(arch: Arch, lockfile: string): { readonly version: string; readonly integrity: string } {
  const entry = new RegExp(`^  node-linux-${arch}@([0-9.]+):\\n    resolution: \\{integrity: (sha512-[^}]+)\\}`, "m");
  const [, version, integrity] = entry.exec(lockfile) ?? [];
  if (version === undefined || integrity === undefined) {
    throw new Error(`the lockfile has no node-linux-${arch}`);
  }
  return { version, integrity };
}

/** Fetches a package of npm as far as its files; nothing in it is run. */
function fetchPackage(
  spec: string,
  { integrity, dir, cache }: { readonly integrity: string; readonly dir: string; readonly cache: string },
): void {
  const incoming = `${dir}.incoming`;
  rmSync(incoming, { recursive: true, force: true });
  mkdirSync(incoming, { recursive: true });
  const name = runTool("npm", ["pack", spec, "--silent", "--pack-destination", incoming], { cwd: cache }).trim();
  const tarball = join(incoming, name);
  const found = `sha512-${createHash("sha512").update(readFileSync(tarball)).digest("base64")}`;
  if (found !== integrity) {
    throw new Error(`${spec} is ${found}, and the lockfile says ${integrity}`);
  }
  runTool("tar", ["-xf", tarball, "-C", incoming, "--strip-components=1", "package/bin/node", "package/LICENSE"]);
  rmSync(tarball);
  renameSync(incoming, dir);
}

/** Takes symbols out of programs of an architecture; that of the machine does so only for its own. */
function stripper(arch: Arch): string | undefined {
  const gnu = { x64: "x86_64-linux-gnu-strip", arm64: "aarch64-linux-gnu-strip" }[arch];
  return [...(isNative(arch) ? ["strip"] : []), gnu, "llvm-strip"].find(hasTool);
}
