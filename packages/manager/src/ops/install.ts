import {
  checkAdditions,
  effectivePackages,
  formatName,
  type InstallationName,
  NodeError,
  parseTitle,
  throwIfAborted,
} from "@nodemanager/core";
import { formatOrigin, parseOrigin } from "@nodemanager/repository";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import type { InstallOptions, Outcome } from "../operation.ts";
import { buildOptions } from "./build-options.ts";
import { chooseAccount } from "./choose-account.ts";
import { fetchVersion } from "./fetch-version.ts";

/**
 * Installs what an origin offers for this node.
 *
 * 1. the envelope for the first of the node's profiles that has one
 * 2. the binary and the packages, unless they are here already: streamed, capped, verified, then set in their places by
 *    their digests
 * 3. the installation, built aside with its packages unpacked, its program looked at, and renamed into place: the commit
 *    point
 *
 * Installations of one binary wait for each other at 2, so it is fetched once. A failure or cancel before 3 leaves
 * nothing; a crash at most a verified binary, which the next start-up removes.
 *
 * @throws NodeError `INVALID_ARGUMENT` when the request id was used for another origin, or for arguments or variables
 *   that no process can have, or packages that cannot be named so; `INVALID_ORIGIN`, `USER_NOT_AVAILABLE`,
 *   `ACCOUNTS_EXHAUSTED`, `ENVELOPE_NOT_FOUND`, `VERSION_NOT_FOUND`, `PROFILE_MISMATCH`, `INVALID_ENVELOPE`,
 *   `RESERVED_TITLE`, `BINARY_NOT_FOUND`, `BINARY_INCOMPATIBLE`, `INVALID_PACKAGE`, `DIGEST_MISMATCH`, `SIZE_MISMATCH`,
 *   `TOO_LARGE`, `REPOSITORY_UNAVAILABLE`, `DISK_FULL`
 */
export async function install(
  ctx: Context,
  originText: string,
  options: InstallOptions,
  o: TaskContext,
): Promise<Outcome> {
  const { requestId } = options;
  const origin = parseOrigin(originText);
  parseTitle(origin.application);
  checkAdditions(options);
  const known = requestId === undefined ? undefined : await ctx.root.installations.findByRequest(requestId);
  if (known) {
    if (known.origin !== formatOrigin(origin)) {
      throw new NodeError("INVALID_ARGUMENT", `this request id was used to install ${known.origin}`);
    }
    return { object: formatName(known.name), note: "installed by an earlier call with this request id" };
  }
  using chosen = await chooseAccount(ctx, options);
  await using repository = await ctx.openRepository(origin.repository);
  o.report({ phase: "matching", done: 0, goal: 0, unit: "" });
  const profiles = await ctx.node.profiles();
  const { envelope } = await repository.applications.match(origin.application, {
    profiles,
    signal: o.signal,
    version: origin.version,
  });
  const title = parseTitle(envelope.title);
  const { env = {}, args = [], packages = {} } = options;
  const { binary } = envelope;
  const version = { binary, packages: effectivePackages(envelope, packages) };
  await using fetched = await fetchVersion(ctx, repository, version, o);
  throwIfAborted(o.signal);
  o.report({ phase: "installing", done: 0, goal: 0, unit: "" });
  const { account } = chosen;
  const build = buildOptions(ctx, o);
  const content = { title, envelope, origin: formatOrigin(origin), env, args, packages, account, build, requestId };
  const { name } = await ctx.root.installations.install(content);
  fetched.keep();
  chosen.keep();
  return { object: publish(ctx, name), note: "" };
}

function publish(ctx: Context, name: InstallationName): string {
  const object = formatName(name);
  ctx.hub.publish(formatName({ kind: "application", title: name.title }));
  ctx.hub.publish(object);
  return object;
}
