import type { Library } from "./specification.ts";
import { compareText, compareVersions } from "./version.ts";

/** `	libssl.so.3 (libc6,x86-64) => /lib/x86_64-linux-gnu/libssl.so.3` */
const LINE = /^\s+(\S+) \(([^)]*)\) => /;
/** `libssl.so.3`, `libtcl8.6.so`, `ld-linux-x86-64.so.2` */
const FILE = /^(.+?)\.so(?:\.(.+))?$/;

/** The flag that `ldconfig -p` gives the libraries of an architecture that shares its node with others. */
const FLAGS: Readonly<Record<string, string>> = {
  amd64: "x86-64",
  arm64: "AArch64",
  ppc64: "64bit",
  ppc64le: "64bit",
  s390x: "64bit",
};
const FLAGS_OF_OTHERS = new Set(["x86-64", "x32", "AArch64", "64bit"]);

/**
 * The libraries that `ldconfig -p` lists for an architecture, each once, by name and version. A line that does not read
 * as a library is skipped: its heading, a plug-in with a name of its own, whatever a later version adds.
 */
export function parseLdconfig(text: string, arch: string): Library[] {
  const libraries = new Map<string, Library>();
  for (const line of text.split("\n")) {
    const [, file = "", flags = ""] = LINE.exec(line) ?? [];
    const [, stem, version = ""] = FILE.exec(file) ?? [];
    if (stem === undefined || !isForArchitecture(flags, arch)) {
      continue;
    }
    const name = stem.startsWith("lib") && stem.length > 3 ? stem.slice(3) : stem;
    libraries.set(JSON.stringify([name, version]), { name, version });
  }
  return [...libraries.values()].sort(
    (a, b) => compareText(a.name, b.name) || compareVersions(a.version, b.version) || compareText(a.version, b.version),
  );
}

/** Whether the flags are those of the architecture: a node may have the libraries of several. */
function isForArchitecture(flags: string, arch: string): boolean {
  const all = flags.split(",").map((flag) => flag.trim());
  const own = Object.hasOwn(FLAGS, arch) ? FLAGS[arch] : undefined;
  return own === undefined ? !all.some((flag) => FLAGS_OF_OTHERS.has(flag)) : all.includes(own);
}
