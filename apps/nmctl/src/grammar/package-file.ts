import type { PackageFormat } from "@nodemanager/core";

/** A file that is to be a package, and what its name says of its format. */
export function packageFile(path: string): { readonly path: string; readonly format: PackageFormat } {
  return { path, format: packageFormat(path) };
}

function packageFormat(path: string): PackageFormat {
  if (/\.(tar\.gz|tgz)$/i.test(path)) {
    return "tar.gz";
  }
  return /\.tar$/i.test(path) ? "tar" : "file";
}
