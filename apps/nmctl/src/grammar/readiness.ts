import type { ApplicationDescription } from "@nodemanager/repository";
import { parseDuration } from "./duration.ts";
import { usageError } from "./usage-error.ts";

type ReadinessInput = NonNullable<ApplicationDescription["readiness"]>;

/**
 * Reads `none[:SETTLE]`, `fd`, `tcp:[HOST:]PORT`, `http:URL`, `http:PORT[/PATH]`, `handshake` or `appcycle`.
 *
 * @throws NodeError `INVALID_ARGUMENT`
 */
export function parseReadiness(text: string, timeoutMs: number | undefined): ReadinessInput {
  const timeout = timeoutMs === undefined ? {} : { timeoutMs };
  const colon = text.indexOf(":");
  const kind = colon < 0 ? text : text.slice(0, colon);
  const rest = colon < 0 ? undefined : text.slice(colon + 1);
  switch (kind) {
    case "none":
      return { kind, ...(rest !== undefined && { settleMs: parseDuration(rest) }), ...timeout };
    case "tcp": {
      const [, host, port] = /^(?:(.+):)?(\d+)$/.exec(rest ?? "") ?? [];
      return { kind, port: parsePort(port, text), ...(host !== undefined && { host: unbracketed(host) }), ...timeout };
    }
    case "http":
      return { kind, url: parseUrl(rest ?? "", text), ...timeout };
    case "fd":
    case "handshake":
    case "appcycle":
      if (rest !== undefined) {
        throw usageError(`the readiness ${kind} takes nothing after it, not ${JSON.stringify(rest)}`);
      }
      return { kind, ...timeout };
    default:
      throw usageError(
        `${JSON.stringify(text)} is not a readiness: none[:SETTLE], fd, tcp:[HOST:]PORT, http:URL, http:PORT/PATH, handshake or appcycle`,
      );
  }
}

function parseUrl(rest: string, text: string): string {
  const [, port, path = "/"] = /^(\d+)(\/.*)?$/.exec(rest) ?? [];
  if (port !== undefined) {
    return `http://127.0.0.1:${parsePort(port, text)}${path}`;
  }
  const url = rest.startsWith("//") ? `http:${rest}` : rest;
  if (!url.startsWith("http://") || !URL.canParse(url)) {
    throw usageError(`${JSON.stringify(text)} is not http:URL with an http:// URL, nor http:PORT/PATH`);
  }
  return url;
}

function parsePort(text: string | undefined, readiness: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw usageError(`${JSON.stringify(readiness)} has no port from 1 to 65535`);
  }
  return port;
}

function unbracketed(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}
