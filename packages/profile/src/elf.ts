import type { Specification } from "./specification.ts";

const ET_EXEC = 2;
const ET_DYN = 3;
const PT_INTERP = 3;

const SYSTEMS = new Map([
  [2, "netbsd"],
  [9, "freebsd"],
  [12, "openbsd"],
]);

/**
 * What an ELF executable asks for, or nothing when it is not one that can be executed.
 *
 * @see https://gabi.xinuos.com, chapters 2 (header) and 7 (program header)
 */
export function inspectElf(bytes: DataView): Specification | undefined {
  if (bytes.byteLength < 20) {
    return undefined;
  }
  const [is64, little] = [bytes.getUint8(4) === 2, bytes.getUint8(5) === 1];
  const type = bytes.getUint16(16, little);
  if (type !== ET_EXEC && type !== ET_DYN) {
    return undefined;
  }
  const interpreter = findInterpreter(bytes, is64, little);
  const libc = interpreter === undefined ? undefined : libcOf(interpreter);
  return {
    format: "ELF",
    os: interpreter?.startsWith("/system/bin/linker") ? "android" : (SYSTEMS.get(bytes.getUint8(7)) ?? "linux"),
    arch: architectureOf(bytes.getUint16(18, little), is64, little),
    ...(libc && { libc: { family: libc, version: "" } }),
    libraries: [],
  };
}

/** One that is not known gets a name that no node has. */
function architectureOf(machine: number, is64: boolean, little: boolean): string {
  switch (machine) {
    case 3:
      return "386";
    case 8:
      return `mips${is64 ? "64" : ""}${little ? "le" : ""}`;
    case 20:
      return "ppc";
    case 21:
      return `ppc64${little ? "le" : ""}`;
    case 22:
      return is64 ? "s390x" : "s390";
    case 40:
      return `arm${little ? "" : "be"}`;
    case 62:
      return is64 ? "amd64" : "amd64p32";
    case 183:
      return `arm64${little ? "" : "be"}`;
    case 243:
      return is64 ? "riscv64" : "riscv";
    case 258:
      return is64 ? "loong64" : "loong32";
    default:
      return `machine-${machine}`;
  }
}

/** The path of the dynamic loader, if the program headers and the path are within the bytes. */
function findInterpreter(bytes: DataView, is64: boolean, little: boolean): string | undefined {
  const end = bytes.byteLength;
  if (end < (is64 ? 64 : 52)) {
    return undefined;
  }
  const tableAt = is64 ? Number(bytes.getBigUint64(32, little)) : bytes.getUint32(28, little);
  const entrySize = bytes.getUint16(is64 ? 54 : 42, little);
  const count = bytes.getUint16(is64 ? 56 : 44, little);
  for (let i = 0; i < count; i++) {
    const at = tableAt + i * entrySize;
    if (at + (is64 ? 56 : 32) > end) {
      return undefined;
    }
    if (bytes.getUint32(at, little) !== PT_INTERP) {
      continue;
    }
    const from = is64 ? Number(bytes.getBigUint64(at + 8, little)) : bytes.getUint32(at + 4, little);
    const size = is64 ? Number(bytes.getBigUint64(at + 32, little)) : bytes.getUint32(at + 16, little);
    if (from + size > end) {
      return undefined;
    }
    const [path] = Buffer.from(bytes.buffer, bytes.byteOffset + from, size)
      .toString("latin1")
      .split("\0");
    return path;
  }
  return undefined;
}

/** The family of the C library that a loader belongs to. */
function libcOf(interpreter: string): string | undefined {
  const file = interpreter.slice(interpreter.lastIndexOf("/") + 1);
  if (file.startsWith("ld-musl-")) {
    return "musl";
  }
  return /^(?:ld-linux.*\.so\.\d+|ld64\.so\.\d+|ld\.so\.1|ld-\d.*\.so)$/.test(file) ? "glibc" : undefined;
}
