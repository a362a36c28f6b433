/** What packages are made for, by Node's name of it. */
export const ARCHES = ["x64", "arm64"] as const;
export type Arch = (typeof ARCHES)[number];

/** By Debian's name. */
export const DEBIAN_ARCH: Readonly<Record<Arch, string>> = { x64: "amd64", arm64: "arm64" };

/** Whether what is built for it runs here. */
export function isNative(arch: Arch): boolean {
  return arch === process.arch;
}
