import { NodeError } from "@nodemanager/core";

/** The executable format and the os of what Node calls a platform. */
const PLATFORMS: Readonly<Record<string, { readonly format: string; readonly os: string }>> = {
  linux: { format: "ELF", os: "linux" },
  android: { format: "ELF", os: "android" },
  freebsd: { format: "ELF", os: "freebsd" },
  openbsd: { format: "ELF", os: "openbsd" },
  netbsd: { format: "ELF", os: "netbsd" },
  darwin: { format: "MACH", os: "darwin" },
  win32: { format: "PE", os: "windows" },
};

/** What Go calls the architectures that Node calls otherwise. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386", mipsel: "mipsle" };

/**
 * Format and os of a value of `process.platform`.
 *
 * @throws NodeError `NOT_IMPLEMENTED` for one that is not known
 */
export function platformOf(platform: string): { readonly format: string; readonly os: string } {
  const known = Object.hasOwn(PLATFORMS, platform) ? PLATFORMS[platform] : undefined;
  if (!known) {
    throw new NodeError("NOT_IMPLEMENTED", `the platform ${JSON.stringify(platform)} is not supported`, {
      metadata: { platform },
    });
  }
  return known;
}

/** Go's name of a value of `process.arch`; one that is not known keeps its own. */
export function architectureOf(arch: string, endianness: "LE" | "BE"): string {
  if (arch === "ppc64") {
    return endianness === "LE" ? "ppc64le" : "ppc64";
  }
  return (Object.hasOwn(ARCHITECTURES, arch) ? ARCHITECTURES[arch] : undefined) ?? arch;
}
