import { posix } from "node:path";
import { NodeError } from "@nodemanager/core";
import { formatAddress, isLoopback, parseAddress } from "@nodemanager/transport";

/** Where a repository is. */
export type RepositoryAddress =
  | {
      readonly kind: "file";
      /** Absolute, normalised, not the root. */
      readonly dir: string;
    }
  | {
      /** `grpc` is in the clear and therefore to this machine only; `grpcs` is TLS. */
      readonly kind: "grpc" | "grpcs";
      readonly host: string;
      readonly port: number;
    };

/**
 * Reads `file:/absolute/directory`, `grpc:HOST:PORT` or `grpcs:HOST:PORT`; also `file:///…`, `grpc://…`, `grpcs://…`. In the
 * path of a directory `%25` means `%`, as in any URL.
 *
 * @throws NodeError `INVALID_ORIGIN`
 */
export function parseRepositoryAddress(text: string): RepositoryAddress {
  const [, kind, rest = ""] = /^(file|grpc|grpcs):(.*)$/su.exec(text) ?? [];
  switch (kind) {
    case "file":
      return { kind, dir: parseDir(text, rest) };
    case "grpc":
    case "grpcs":
      return { kind, ...parseHost(text, kind, rest.replace(/^\/\//, "").replace(/\/$/, "")) };
    default:
      throw invalid(text, "a repository is file:/DIRECTORY, grpc:HOST:PORT or grpcs:HOST:PORT");
  }
}

/** The text that {@link parseRepositoryAddress} reads back. */
export function formatRepositoryAddress(address: RepositoryAddress): string {
  return address.kind === "file"
    ? `file:${address.dir.replace(/[%\u0000-\u001f\u007f]/g, encodeURIComponent)}`
    : `${address.kind}:${formatAddress({ kind: "tcp", host: address.host, port: address.port })}`;
}

function parseDir(text: string, rest: string): string {
  const path = rest.replace(/^\/\/(localhost)?(?=\/)/, "");
  if (path.startsWith("//")) {
    throw invalid(text, "a file: repository is on this machine, so there is no host in it");
  }
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch (error) {
    throw invalid(text, 'after "%" come two hexadecimal digits; a "%" of its own is written "%25"', error);
  }
  const dir = posix.normalize(decoded).replace(/\/$/, "");
  if (!dir.startsWith("/") || decoded.includes("\0")) {
    throw invalid(text, "the directory of a file: repository is absolute and not the root");
  }
  return dir;
}

function parseHost(text: string, kind: "grpc" | "grpcs", hostPort: string): { host: string; port: number } {
  let address: ReturnType<typeof parseAddress>;
  try {
    address = parseAddress(hostPort);
  } catch (error) {
    throw invalid(text, `${JSON.stringify(hostPort)} is not HOST:PORT`, error);
  }
  if (address.kind !== "tcp" || address.port === 0) {
    throw invalid(text, `a ${kind}: repository has a host and a port`);
  }
  if (kind === "grpc" && !isLoopback(address.host)) {
    throw invalid(text, "grpc: is not encrypted and goes to loopback addresses only; use grpcs:");
  }
  return { host: address.host, port: address.port };
}

function invalid(text: string, why: string, cause?: unknown): NodeError {
  return new NodeError("INVALID_ORIGIN", `invalid repository ${JSON.stringify(text)}: ${why}`, { cause });
}
