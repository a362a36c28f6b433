import { formatName, type InstallationName, type InstanceName, NodeError, parseName } from "@nodemanager/core";
import { isAlive, lastLines } from "@nodemanager/exec";
import type { Context } from "./context.ts";
import { logFile } from "./instance-files.ts";
import { instanceEnvironment } from "./ops/environment.ts";
import { objectStatus } from "./view.ts";

/** A title and what finds out what is below it. */
type Section = readonly [title: string, find: () => Promise<unknown>];

/**
 * Everything that helps to find a fault with an object, as text for people: its status, what it is run with, and its
 * last output. Reads only. What cannot be read says so in its place, so a broken object can be looked into as well.
 *
 * @throws NodeError `INVALID_NAME`, `NOT_APPLICABLE`, `APPLICATION_NOT_FOUND`, `INSTALLATION_NOT_FOUND`,
 *   `INSTANCE_NOT_FOUND`
 */
export async function debug(ctx: Context, text: string): Promise<string> {
  const sections = await Promise.all(
    sectionsOf(ctx, text).map(async ([title, find]) => `${title}:\n${indent(await findOrSay(find))}\n`),
  );
  return sections.join("\n");
}

function sectionsOf(ctx: Context, text: string): readonly Section[] {
  const name = parseName(text);
  switch (name.kind) {
    case "manager":
    case "apps":
      throw new NodeError(
        "NOT_APPLICABLE",
        `${text} has nothing to look into; name an application or what is below it`,
      );
    case "application":
      return [["status", async () => (await objectStatus(ctx.root, text)) ?? notFound(text)]];
    case "installation":
      return [["record", () => ctx.root.installations.read(name)]];
    case "instance":
      return instanceSections(ctx, name);
  }
}

function instanceSections(ctx: Context, name: InstanceName): readonly Section[] {
  const { title, installation: id } = name;
  const installationName: InstallationName = { kind: "installation", title, installation: id };
  const record = () => ctx.root.instances.read(name);
  const installation = () => ctx.root.installations.read(installationName);
  const version = async () => await ctx.root.instances.version(await record());
  return [
    ["record", record],
    ["process", async () => await processState(ctx, name)],
    ["origin", async () => (await installation()).origin],
    [
      "command",
      async () => {
        const { envelope, program } = await version();
        return [program, ...envelope.args, ...(await installation()).args];
      },
    ],
    ["environment", async () => instanceEnvironment(await record(), await version(), await installation())],
    [
      "last output",
      async () => {
        const found = await record();
        return await lastLines(logFile(found, "stdout"), logFile(found, "stderr"));
      },
    ],
  ];
}

async function processState(ctx: Context, name: InstanceName): Promise<string> {
  const record = await ctx.root.instances.read(name);
  if (!("launch" in record) || !record.launch) {
    return "none";
  }
  const { pid } = record.launch.process;
  const isWatched = ctx.supervisor.get(formatName(name), record.launch.attempt) !== undefined;
  return `${pid}, ${isAlive(record.launch.process) ? "alive" : "gone"}, ${isWatched ? "watched" : "not watched"}`;
}

/** @throws NodeError when the object is not there; every other failure is told */
async function findOrSay(find: () => Promise<unknown>): Promise<unknown> {
  try {
    return await find();
  } catch (error) {
    if (error instanceof NodeError && !error.reason.endsWith("_NOT_FOUND")) {
      return `${error.reason}: ${error.message}`;
    }
    throw error;
  }
}

function indent(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value, undefined, 2);
  return text
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n");
}

function notFound(text: string): never {
  throw new NodeError("APPLICATION_NOT_FOUND", `no application is named ${text}`);
}
