import { constants } from "node:os";
import { NodeError, parseAnyTitle } from "@nodemanager/core";
import { Envelope, Progress } from "@nodemanager/proto/v1";
import {
  formatOrigin,
  formatRepositoryAddress,
  type PackageFile,
  type PublishOptions,
  publish,
} from "@nodemanager/repository";
import { envelopeMessage } from "@nodemanager/transport";
import type { Invocation } from "../command.ts";
import { openRepositoryOf, parseLocalRepository } from "../connection/open-repository.ts";
import { ownProfiles } from "../connection/own-profiles.ts";
import type { Arguments } from "../grammar/arguments.ts";
import { packageFile } from "../grammar/package-file.ts";
import { parseReadiness } from "../grammar/readiness.ts";
import { usageError } from "../grammar/usage-error.ts";
import { document, type Output } from "../output.ts";
import { ProgressReport } from "../render/progress.ts";

/** `publish`. */
export async function publishCommand({ args, terminal, io, signal }: Invocation): Promise<Output> {
  const repository = parseLocalRepository(required(args, "to"));
  const title = parseAnyTitle(required(args, "title"));
  const version = required(args, "version");
  const application = parseAnyTitle(args.text("name") ?? title);
  const program = programOf(args);
  const description = {
    version,
    command: program.command,
    title,
    args: args.texts("arg"),
    env: args.assignments("env"),
    readiness: parseReadiness(args.text("readiness") ?? "none", args.number("ready-timeout")),
    stop: stopPolicy(args),
    soakMs: args.number("soak"),
    publisher: args.text("publisher"),
  };
  const chosen = args.texts("profile");
  const profiles = chosen.length > 0 ? chosen : (await ownProfiles()).slice(0, 1);
  if (profiles.length === 0) {
    throw new NodeError("PROFILE_NOT_FOUND", "no known profile fits this machine; say which with --profile");
  }
  const progress = new ProgressReport(terminal, io.now);
  await using to = await openRepositoryOf(repository, args, io);
  const { envelope } = await publish({
    file: program.file,
    packages: program.packages,
    to,
    application,
    description,
    profiles,
    signal,
    onProgress: (done, goal) =>
      progress.show(
        args.operand,
        Progress.create({ phase: "publishing", done: BigInt(done), goal: BigInt(goal), unit: "bytes" }),
      ),
  });
  progress.end(args.operand);
  const origin = formatOrigin({ repository, application, version });
  return document({
    name: origin,
    json: () => ({
      origin,
      repository: formatRepositoryAddress(repository),
      application,
      profiles,
      envelope: Envelope.toJSON(envelopeMessage(envelope)),
    }),
    text: () => origin,
  });
}

function required(args: Arguments, option: string): string {
  const value = args.text(option);
  if (value === undefined) {
    throw usageError(`publish needs --${option}`);
  }
  return value;
}

/** The archive that is the operand becomes this package. */
const ARCHIVE_NAME = "app";

/** What is published: a file that is the program, or an archive that has it, and the packages beside it. */
function programOf(args: Arguments): Pick<PublishOptions, "file" | "packages"> & { readonly command?: string } {
  const operand = packageFile(args.operand);
  const command = args.text("command");
  const packages: Record<string, PackageFile> = {};
  for (const [name, path] of Object.entries(args.assignments("package"))) {
    packages[name] = packageFile(path);
  }
  if (operand.format === "file") {
    if (command !== undefined) {
      throw usageError(`--command is a path in an archive (.tar, .tar.gz, .tgz), and ${args.operand} is none`);
    }
    return { file: args.operand, packages };
  }
  if (command === undefined) {
    throw usageError(`${args.operand} is an archive; say with --command which file in it is the program`);
  }
  if (Object.hasOwn(packages, ARCHIVE_NAME)) {
    throw usageError(`the package ${ARCHIVE_NAME} is ${args.operand} itself; give the other one another name`);
  }
  packages[ARCHIVE_NAME] = operand;
  // As people write what `tar t` prints.
  return { packages, command: `${ARCHIVE_NAME}/${command.replace(/^\.\//, "")}` };
}

function stopPolicy(args: Arguments): { signal?: NodeJS.Signals; graceMs?: number } {
  const signal = args.text("stop-signal");
  const graceMs = args.number("stop-grace");
  if (signal !== undefined && !isSignal(signal)) {
    throw usageError(
      `the value of --stop-signal is the name of a signal such as SIGINT, not ${JSON.stringify(signal)}`,
    );
  }
  return { ...(signal !== undefined && { signal }), ...(graceMs !== undefined && { graceMs }) };
}

function isSignal(text: string): text is NodeJS.Signals {
  return Object.hasOwn(constants.signals, text);
}
