import { NodeError } from "@nodemanager/core";

/** A node behind ssh. */
export interface SshTarget {
  /** Nothing in it can be taken for an option. */
  readonly host: string;
  readonly user?: string;
  readonly port?: number;
  /** The path of noded's socket over there. */
  readonly socket: string;
}

const DEFAULT_SOCKET = "/run/noded/noded.sock";

/**
 * Reads `ssh://[user@]host[:port][/socket]`. The host may be an alias from the user's ssh configuration.
 *
 * @throws NodeError `INVALID_ADDRESS`
 */
export function parseSshTarget(text: string): SshTarget {
  const match = /^ssh:\/\/(?:([^@/]*)@)?(?:\[([0-9A-Fa-f:.]+)\]|([^:/@[\]]+))(?::(\d{1,5}))?(\/.*)?$/.exec(text);
  if (!match) {
    throw invalid(text, "it is not of the form ssh://[user@]host[:port][/socket]");
  }
  const [, user, ipv6, name, digits, path] = match;
  const host = ipv6 ?? name ?? "";
  // ssh takes a word that begins with a dash for an option, also where a host or user is expected.
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(host) && ipv6 === undefined) {
    throw invalid(text, `${JSON.stringify(host)} is not the name of a host`);
  }
  if (user !== undefined && !/^[A-Za-z0-9_][A-Za-z0-9._-]*\$?$/.test(user)) {
    throw invalid(text, `${JSON.stringify(user)} is not the name of a user`);
  }
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65_535)) {
    throw invalid(text, "a port is a number from 1 to 65535");
  }
  const socket = path === undefined || path === "/" ? DEFAULT_SOCKET : path;
  // ssh splits what it forwards at colons and expands percent signs.
  if (/[:%\s\p{Cc}]/u.test(socket)) {
    throw invalid(text, "ssh cannot forward to a socket whose path has a colon, a percent sign or white space in it");
  }
  return { host, socket, ...(user !== undefined && { user }), ...(port !== undefined && { port }) };
}

function invalid(text: string, why: string): NodeError {
  return new NodeError("INVALID_ADDRESS", `invalid address ${JSON.stringify(text)}: ${why}`);
}
