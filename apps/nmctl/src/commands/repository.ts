import type { PackageRef } from "@nodemanager/core";
import { MatchResponse, Release, RemoveResponse } from "@nodemanager/proto/v1";
import { formatOrigin } from "@nodemanager/repository";
import { envelopeMessage } from "@nodemanager/transport";
import type { Invocation } from "../command.ts";
import { openRepositoryOf, parseLocalOrigin, parseLocalRepository } from "../connection/open-repository.ts";
import { ownProfiles } from "../connection/own-profiles.ts";
import { formatPackageReference } from "../grammar/package-reference.ts";
import { document, type Output } from "../output.ts";
import { describeFields } from "../render/fields.ts";

/** `repository ls`. */
export async function repositoryLs({ args, io, signal }: Invocation): Promise<Output> {
  const repository = parseLocalRepository(args.operand);
  await using client = await openRepositoryOf(repository, args, io);
  const releases = await client.applications.list({ signal });
  return {
    shape: "list",
    columns: [{ title: "APPLICATION" }, { title: "VERSION" }, { title: "PROFILES" }],
    items: releases.map(({ application, version, profiles }) => ({
      name: formatOrigin({ repository, application, version }),
      json: () => Release.toJSON({ application, version, profiles: [...profiles] }),
      cells: () => [application, version, profiles.join(", ")],
    })),
    empty: "the repository is empty",
  };
}

/** `repository match`. */
export async function repositoryMatch({ args, io, signal }: Invocation): Promise<Output> {
  const { repository, application, version } = parseLocalOrigin(args.operand);
  const chosen = args.texts("profile");
  const profiles = chosen.length > 0 ? chosen : await ownProfiles();
  await using client = await openRepositoryOf(repository, args, io);
  const { envelope, profile } = await client.applications.match(application, { profiles, version, signal });
  return document({
    name: formatOrigin({ repository, application, version: envelope.version }),
    json: () => MatchResponse.toJSON({ envelope: envelopeMessage(envelope), profile }),
    text: () =>
      describeFields([
        ["title", envelope.title],
        ["version", envelope.version],
        ["profile", profile],
        ["publisher", envelope.publisher],
        ...(envelope.binary
          ? ([
              ["sha256", envelope.binary.sha256],
              ["size", `${envelope.binary.sizeBytes} bytes`],
            ] as const)
          : ([["command", envelope.command ?? ""]] as const)),
        ["packages", packageLines(envelope.packages)],
        ["readiness", envelope.readiness.kind],
        ["stop", `${envelope.stop.signal}, ${envelope.stop.graceMs} ms`],
        ["soak", `${envelope.soakMs} ms`],
        ["args", envelope.args.map((arg) => JSON.stringify(arg)).join(" ")],
        [
          "env",
          Object.entries(envelope.env)
            .map(([key, value]) => `${key}=${value}`)
            .join("\n"),
        ],
      ]),
  });
}

function packageLines(packages: Readonly<Record<string, PackageRef>>): string {
  return Object.entries(packages)
    .map(([name, ref]) => `${name}=${formatPackageReference(ref)}`)
    .join("\n");
}

/** `repository rm`. */
export async function repositoryRm({ args, io, signal }: Invocation): Promise<Output> {
  const { repository, application, version } = parseLocalOrigin(args.operand);
  await using client = await openRepositoryOf(repository, args, io);
  const removed = await client.applications.remove(application, { version, profile: args.text("profile"), signal });
  return document({
    name: args.operand,
    json: () => RemoveResponse.toJSON({ removed }),
    text: () => `${removed} envelope${removed === 1 ? "" : "s"} removed`,
  });
}
