import { join, resolve } from "node:path";
import { NodeError } from "@nodemanager/core";
import { type Address, parseAddress } from "@nodemanager/transport";
import type { Arguments } from "../grammar/arguments.ts";
import { usageError } from "../grammar/usage-error.ts";
import type { Io } from "../io.ts";
import { type Context, readContexts } from "./context-file.ts";
import { parseSshTarget, type SshTarget } from "./ssh-target.ts";

/** Which node is meant and how it is reached. */
export type Target =
  | { readonly kind: "direct"; readonly address: Address; readonly tls: TlsFiles | undefined; readonly text: string }
  | { readonly kind: "ssh"; readonly ssh: SshTarget; readonly text: string };

/** PEM files. */
export interface TlsFiles {
  readonly caFile: string;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** As many of them as are known. */
export type SomeTlsFiles = { readonly [Key in keyof TlsFiles]?: string | undefined };

/**
 * Decides which node is meant: `--node`, else `--context`, else `NMCTL_NODE`, else `NMCTL_CONTEXT`, else the context in
 * use, else this machine's own.
 *
 * @throws NodeError `INVALID_ADDRESS`, `INVALID_ARGUMENT`, `INVALID_CONFIG`
 */
export async function findTarget(args: Arguments, io: Pick<Io, "env" | "uid">): Promise<Target> {
  const node = args.text("node");
  const context = args.text("context");
  if (node !== undefined && context !== undefined) {
    throw usageError("give --node or --context, not both");
  }
  if (node !== undefined) {
    return parseTarget(node, tlsOptions(args, io.env));
  }
  if (context !== undefined) {
    return await savedTarget(context, args, io.env);
  }
  const { NMCTL_NODE, NMCTL_CONTEXT } = io.env;
  if (NMCTL_NODE) {
    return parseTarget(NMCTL_NODE, tlsOptions(args, io.env));
  }
  const current = NMCTL_CONTEXT || (await readContexts(io.env)).current;
  if (current) {
    return await savedTarget(current, args, io.env);
  }
  return parseTarget(`unix:${defaultSocket(io)}`, {});
}

/** What the options, and where they are silent the environment, say about TLS. */
export function tlsOptions(args: Arguments, env: Io["env"]): SomeTlsFiles {
  return compact({
    caFile: args.text("tls-ca") ?? (env.NMCTL_TLS_CA || undefined),
    certFile: args.text("tls-cert") ?? (env.NMCTL_TLS_CERT || undefined),
    keyFile: args.text("tls-key") ?? (env.NMCTL_TLS_KEY || undefined),
  });
}

/**
 * Reads the address of a node.
 *
 * @throws NodeError `INVALID_ADDRESS`; `INVALID_ARGUMENT` when a network address lacks its TLS files
 */
export function parseTarget(text: string, tls: SomeTlsFiles): Target {
  if (text.startsWith("ssh:")) {
    return { kind: "ssh", ssh: parseSshTarget(text), text };
  }
  const address = parseAddress(withAbsoluteSocket(text));
  if (address.kind === "unix") {
    return { kind: "direct", address, tls: undefined, text };
  }
  if (tls.caFile === undefined) {
    throw usageError(`a node at ${text} is reached by mutual TLS: give --tls-ca, --tls-cert and --tls-key`);
  }
  return { kind: "direct", address, tls: { ...tls, caFile: tls.caFile }, text };
}

async function savedTarget(name: string, args: Arguments, env: Io["env"]): Promise<Target> {
  const { contexts } = await readContexts(env);
  const saved: Context | undefined = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  if (!saved) {
    const known = Object.keys(contexts);
    throw usageError(
      `there is no context ${JSON.stringify(name)}; ${known.length > 0 ? `there is ${known.join(", ")}` : "save one with nmctl context set"}`,
    );
  }
  return parseTarget(saved.node, { ...compact(saved.tls ?? {}), ...tlsOptions(args, env) });
}

/** Where noded listens unless told otherwise. */
function defaultSocket(io: Pick<Io, "env" | "uid">): string {
  return io.uid === 0
    ? "/run/noded/noded.sock"
    : join(io.env.XDG_RUNTIME_DIR || `/run/user/${io.uid}`, "noded/noded.sock");
}

function withAbsoluteSocket(text: string): string {
  const path = text.startsWith("unix:") ? text.slice("unix:".length) : "";
  if (text === "unix:") {
    throw new NodeError("INVALID_ADDRESS", "unix: is followed by the path of a socket");
  }
  return path === "" || path.startsWith("/") ? text : `unix:${resolve(path)}`;
}

function compact(files: SomeTlsFiles): SomeTlsFiles {
  return Object.fromEntries(Object.entries(files).filter(([, file]) => file !== undefined));
}
