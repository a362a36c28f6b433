import { formatName, NodeError, parseName } from "@nodemanager/core";
import { isAlive, lastLines } from "@nodemanager/exec";
import type { Context } from "./context.ts";
import { logFile } from "./log-files.ts";
import { instanceEnvironment } from "./ops/environment.ts";
import { objectStatus } from "./view.ts";

/**
 * Everything that helps to find a fault with an object, as text for people: its status, what it is run with, and its
 * last output. Reads only.
 *
 * @throws NodeError `INVALID_NAME`, `NOT_APPLICABLE`, `APPLICATION_NOT_FOUND`, `INSTALLATION_NOT_FOUND`,
 *   `INSTANCE_NOT_FOUND`, `STORE_CORRUPT`
 */
export async function debug(ctx: Context, text: string): Promise<string> {
  const name = parseName(text);
  const sections: [string, unknown][] = [];
  switch (name.kind) {
    case "manager":
    case "apps":
      throw new NodeError(
        "NOT_APPLICABLE",
        `${text} has nothing to look into; name an application or what is below it`,
      );
    case "application":
      sections.push(["status", (await objectStatus(ctx.root, text)) ?? notFound(text)]);
      break;
    case "installation":
      sections.push(["record", await ctx.root.installations.read(name)]);
      break;
    case "instance": {
      const record = await ctx.root.instances.read(name);
      sections.push(["record", record]);
      if ("launch" in record && record.launch) {
        sections.push(["process", isAlive(record.launch.process) ? "alive" : "gone"]);
      }
      const { envelope, binPath } = await ctx.root.instances.version(record);
      const installation = await ctx.root.installations.read({
        kind: "installation",
        title: name.title,
        installation: name.installation,
      });
      sections.push(["command", [binPath, ...envelope.args, ...installation.args]]);
      sections.push(["environment", instanceEnvironment(record, envelope, installation)]);
      sections.push([
        "last output",
        await lastLines(logFile(record.logsDir, "stdout"), logFile(record.logsDir, "stderr")),
      ]);
    }
  }
  return sections.map(([title, value]) => `${title}:\n${indent(value)}\n`).join("\n");
}

function indent(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value, undefined, 2);
  return text
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n");
}

function notFound(text: string): never {
  throw new NodeError("APPLICATION_NOT_FOUND", `no application is named ${formatName(parseName(text))}`);
}
