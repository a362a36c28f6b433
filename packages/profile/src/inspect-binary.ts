import { inspectElf } from "./elf.ts";
import type { Specification } from "./specification.ts";

/** What the beginning of a file says about where it runs. What it does not say, the specification does not ask for. */
export type Inspection =
  | { readonly kind: "elf" | "pe" | "mach"; readonly specification: Specification }
  | { readonly kind: "script"; readonly interpreter: string }
  | { readonly kind: "unknown" };

const PE_MACHINES = new Map([
  [0x014c, "386"],
  [0x8664, "amd64"],
  [0x01c4, "arm"],
  [0xaa64, "arm64"],
]);
const MACH_CPUS = new Map([
  [7, "386"],
  [0x01000007, "amd64"],
  [12, "arm"],
  [0x0100000c, "arm64"],
]);
const UNKNOWN: Inspection = { kind: "unknown" };

/**
 * Inspects the first bytes of a file; 4 KiB show everything that there is to see in an ordinary program. Never throws:
 * what is cut off or makes no sense is not asked for, or `unknown`. Object files and core dumps, which nothing can
 * execute, are `unknown`.
 */
export function inspectBinary(head: Uint8Array): Inspection {
  const bytes = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.byteLength < 2) {
    return UNKNOWN;
  }
  if (bytes.getUint16(0) === 0x2321) {
    return inspectScript(head);
  }
  if (bytes.getUint16(0) === 0x4d5a) {
    return inspectPe(bytes);
  }
  if (head.byteLength < 8) {
    return UNKNOWN;
  }
  const magic = bytes.getUint32(0);
  if (magic === 0x7f454c46) {
    const specification = inspectElf(bytes);
    return specification ? { kind: "elf", specification } : UNKNOWN;
  }
  return inspectMach(bytes, magic);
}

/** `#!` and an interpreter, which the kernel looks for in the first 256 bytes. */
function inspectScript(head: Uint8Array): Inspection {
  const [line = ""] = Buffer.from(head.subarray(2, 256)).toString("utf8").split("\n");
  const [interpreter = ""] = line.trim().split(/[ \t\0]/);
  return interpreter === "" ? UNKNOWN : { kind: "script", interpreter };
}

function inspectPe(bytes: DataView): Inspection {
  if (bytes.byteLength < 64) {
    return UNKNOWN;
  }
  const at = bytes.getUint32(0x3c, true);
  const isVisible = at + 6 <= bytes.byteLength;
  if (isVisible && bytes.getUint32(at) !== 0x50450000) {
    return UNKNOWN;
  }
  const machine = isVisible ? bytes.getUint16(at + 4, true) : undefined;
  return { kind: "pe", specification: specification("PE", "windows", machine, PE_MACHINES) };
}

function inspectMach(bytes: DataView, magic: number): Inspection {
  if (magic === 0xfeedface || magic === 0xfeedfacf || magic === 0xcefaedfe || magic === 0xcffaedfe) {
    const cpu = bytes.getUint32(4, magic >= 0xcefaedfe && magic <= 0xcffaedfe);
    return { kind: "mach", specification: specification("MACH", "darwin", cpu, MACH_CPUS) };
  }
  // Java's class files have the same magic, and a version of at least 45 where a universal binary counts its parts.
  if (magic === 0xcafebabe && bytes.getUint32(4) > 0 && bytes.getUint32(4) < 45) {
    return { kind: "mach", specification: specification("MACH", "darwin", undefined, MACH_CPUS) };
  }
  return UNKNOWN;
}

function specification(
  format: string,
  os: string,
  machine: number | undefined,
  names: ReadonlyMap<number, string>,
): Specification {
  const arch = machine === undefined ? "" : (names.get(machine) ?? `machine-${machine}`);
  return { format, os, arch, libraries: [] };
}
