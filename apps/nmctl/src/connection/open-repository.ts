import { resolve } from "node:path";
import {
  type Origin,
  openRepository,
  parseOrigin,
  parseRepositoryAddress,
  type Repository,
  type RepositoryAddress,
} from "@nodemanager/repository";
import type { Arguments } from "../grammar/arguments.ts";
import { usageError } from "../grammar/usage-error.ts";
import type { Io } from "../io.ts";
import { tlsOptions } from "./target.ts";

/**
 * A client of a repository, with the TLS files of the command line.
 *
 * @throws NodeError `INVALID_ARGUMENT` when `grpcs:` lacks its CA; as `openRepository`
 */
export async function openRepositoryOf(address: RepositoryAddress, args: Arguments, io: Io): Promise<Repository> {
  const { caFile, ...files } = tlsOptions(args, io.env);
  if (address.kind !== "grpcs") {
    return await openRepository(address);
  }
  if (caFile === undefined) {
    throw usageError("a repository at grpcs: is reached by TLS: give --tls-ca, and --tls-cert and --tls-key");
  }
  return await openRepository(address, { tls: { caFile, ...files } });
}

/** As the repository's own reader, but `file:` may be relative to the working directory. */
export function parseLocalRepository(text: string): RepositoryAddress {
  return parseRepositoryAddress(withAbsoluteDir(text));
}

/** As the repository's own reader, but `file:` may be relative to the working directory. */
export function parseLocalOrigin(text: string): Origin {
  return parseOrigin(withAbsoluteDir(text));
}

function withAbsoluteDir(text: string): string {
  const [, path] = /^file:([^/].*)$/s.exec(text) ?? [];
  // Other characters than the percent sign mean themselves in both.
  return path === undefined ? text : `file:${resolve("/").concat(resolve(path).slice(1))}`;
}
