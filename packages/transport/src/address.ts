import { isIP, isIPv4, isIPv6 } from "node:net";
import { NodeError } from "@nodemanager/core";

/** Where a service listens: a unix socket, or a port of a host. */
export type Address = UnixAddress | TcpAddress;

export interface UnixAddress {
  readonly kind: "unix";
  /** Absolute, at most 107 bytes. */
  readonly path: string;
}

export interface TcpAddress {
  readonly kind: "tcp";
  /** A name or an address; an IPv6 address without brackets. */
  readonly host: string;
  /** 0 to 65535; 0 lets the system choose when listening. */
  readonly port: number;
}

// sun_path has 108 bytes with the NUL that ends it; what is longer is silently cut off by some callers.
const SOCKET_PATH_MAX_BYTES = 107;
const HOST_NAME = /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?$/;

/**
 * Reads `unix:PATH` (absolute; `unix:///path` too), `HOST:PORT` or `[IPV6]:PORT`. Nothing is trimmed or completed.
 *
 * @throws NodeError `INVALID_ADDRESS`, `SOCKET_PATH_TOO_LONG`
 */
export function parseAddress(text: string): Address {
  if (text.startsWith("unix:")) {
    return { kind: "unix", path: checkSocketPath(text.slice("unix:".length).replace(/^\/+/, "/")) };
  }
  const match = /^(?:\[([^\]]*)\]|([^:]*)):([0-9]{1,5})$/.exec(text);
  const [, bracketed, plain, digits] = match ?? [];
  if (digits === undefined) {
    throw invalid(text, "it is neither unix:PATH nor HOST:PORT");
  }
  const port = Number(digits);
  if (port > 65_535) {
    throw invalid(text, "a port is at most 65535");
  }
  if (bracketed !== undefined) {
    if (!isIPv6(bracketed)) {
      throw invalid(text, "there is no IPv6 address between the brackets");
    }
    return { kind: "tcp", host: bracketed, port };
  }
  const host = plain ?? "";
  // A name of digits and dots alone would be a mistyped address.
  if (!isIPv4(host) && (!HOST_NAME.test(host) || /^[0-9.]+$/.test(host))) {
    throw invalid(text, `${JSON.stringify(host)} is not the name or address of a host`);
  }
  return { kind: "tcp", host, port };
}

/** The text that {@link parseAddress} reads back. */
export function formatAddress(address: Address): string {
  return address.kind === "unix" ? `unix:${address.path}` : `${hostInUrl(address.host)}:${address.port}`;
}

/**
 * Whether the host is this machine for certain: `localhost`, 127.0.0.0/8 or ::1. Other names may resolve to anything.
 */
export function isLoopback(host: string): boolean {
  switch (isIP(host)) {
    case 4:
      return host.startsWith("127.");
    case 6:
      return new URL(`http://[${host}]`).hostname === "[::1]";
    default:
      return /^localhost\.?$/i.test(host);
  }
}

/**
 * Checks that a socket can have this path.
 *
 * @returns the path
 * @throws NodeError `INVALID_ADDRESS`, `SOCKET_PATH_TOO_LONG`
 */
export function checkSocketPath(path: string): string {
  if (!path.startsWith("/") || path.endsWith("/") || path.includes("\0")) {
    throw invalid(`unix:${path}`, "the path of a socket is absolute and names a file");
  }
  const bytes = Buffer.byteLength(path);
  if (bytes > SOCKET_PATH_MAX_BYTES) {
    throw new NodeError(
      "SOCKET_PATH_TOO_LONG",
      `the path of a socket has at most ${SOCKET_PATH_MAX_BYTES} bytes, this one has ${bytes}: ${path}`,
      { metadata: { limitBytes: String(SOCKET_PATH_MAX_BYTES), bytes: String(bytes) } },
    );
  }
  return path;
}

function hostInUrl(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}

function invalid(text: string, why: string): NodeError {
  return new NodeError("INVALID_ADDRESS", `invalid address ${JSON.stringify(text)}: ${why}`);
}
