import type { Profile } from "./specification.ts";

const LINUX = ["386", "amd64", "arm", "arm64", "loong64", "ppc64le", "riscv64", "s390x"];
const DARWIN = ["amd64", "arm64"];
const WINDOWS = ["386", "amd64", "arm64"];
const ANDROID = ["386", "amd64", "arm", "arm64"];

/**
 * The profiles that every node knows. `linux-<arch>` asks for no C library, so it is for programs that bring theirs;
 * `linux-<arch>-glibc` and `linux-<arch>-musl` ask for the one that their programs are linked with.
 */
export const knownProfiles: readonly Profile[] = [
  ...LINUX.flatMap((arch) => [
    profile("ELF", "linux", arch),
    profile("ELF", "linux", arch, "glibc"),
    profile("ELF", "linux", arch, "musl"),
  ]),
  ...ANDROID.map((arch) => profile("ELF", "android", arch)),
  ...DARWIN.map((arch) => profile("MACH", "darwin", arch)),
  ...WINDOWS.map((arch) => profile("PE", "windows", arch)),
];

function profile(format: string, os: string, arch: string, libc?: string): Profile {
  return {
    label: libc === undefined ? `${os}-${arch}` : `${os}-${arch}-${libc}`,
    description: libc === undefined ? `${os} on ${arch}` : `${os} on ${arch} with ${libc}`,
    needs: { format, os, arch, ...(libc !== undefined && { libc: { family: libc, version: "" } }), libraries: [] },
  };
}
