import { execFile } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { tempDir } from "@nodemanager/testing";
import { describe, expect, it } from "vitest";
import { candidates } from "../src/completion/candidates.ts";
import { commandName } from "../src/grammar/command-spec.ts";
import { commands } from "../src/spec/table.ts";
import { NAMES } from "./fixtures/scripted-node.ts";
import { suiteNode } from "./fixtures/suite-node.ts";

const suite = suiteNode();
const main = join(import.meta.dirname, "../src/main.ts");

describe("what fits as the last word", () => {
  it("is a command at first, each once, with what it does", () => {
    const found = words(candidates(["st"]));
    expect(found).toEqual([...new Set(commands.map(({ words: [first] }) => first))]);
    expect(words(candidates(["-o", "json", ""]))).toEqual(found);
  });

  it.each([
    [
      ["repository", ""],
      ["serve", "ls", "match", "put", "rm"],
    ],
    [
      ["context", "u"],
      ["list", "use", "set", "rm"],
    ],
    [
      ["completion", ""],
      ["bash", "zsh", "fish"],
    ],
    [
      ["-o", ""],
      ["table", "json", "yaml", "name"],
    ],
    [
      ["ls", "--output", ""],
      ["table", "json", "yaml", "name"],
    ],
    [
      ["ls", "--output="],
      ["--output=table", "--output=json", "--output=yaml", "--output=name"],
    ],
    [
      ["logs", "--stream", ""],
      ["stdout", "stderr"],
    ],
    [
      ["help", "repository", ""],
      ["serve", "ls", "match", "put", "rm"],
    ],
    [["version", ""], []],
    [["install", "file:/r/web", ""], []],
  ])("after %j is %j", (typed, expected) => {
    expect(words(candidates(typed))).toEqual(expected);
  });

  it("is an option of the command, or a global one, after a dash", () => {
    const found = words(candidates(["stop", "apps/web", "-"]));
    expect(found).toEqual(expect.arrayContaining(["--deadline", "--parallel", "--node", "--help"]));
    expect(found).not.toContain("--follow");
    expect(words(candidates(["stop", "--", "-"]))).toBeUndefined();
  });

  it.each([
    [["publish", ""], "files"],
    [["repository", "serve", ""], "directories"],
    [["ls", "--tls-ca", ""], "files"],
    [["stop", "apps/a", ""], "names"],
    [["logs", "-f", ""], "names"],
    [["logs", "-n", "10", ""], "names"],
    [["--context", ""], "contexts"],
    [["context", "use", ""], "contexts"],
  ])("after %j is one of the %s", (typed, kind) => {
    expect(candidates(typed).kind).toBe(kind);
  });

  it("knows every command and each of its options", () => {
    for (const spec of commands) {
      const found = words(candidates([...spec.words, "--"])) ?? [];
      const own = spec.options.map(({ name }) => `--${name}`);
      expect(found, commandName(spec)).toEqual(expect.arrayContaining(own));
    }
  });
});

describe("__complete", () => {
  it("offers the names that the node has, of the node that is being typed", async () => {
    const { stdout } = await suite.nmctl(
      ["__complete", "--", "--node", `unix:${suite.node.socketPath}`, "stop", "apps/w"],
      { env: { NMCTL_NODE: "unix:/nobody" } },
    );
    expect(stdout.trimEnd().split("\n")).toEqual([
      "words",
      "apps/web",
      NAMES.webInstallation,
      NAMES.running,
      NAMES.suspended,
    ]);
  });

  it("is silent when the node is not there", async () => {
    const ran = await suite.nmctl(["__complete", "--", "stop", ""], { env: { NMCTL_NODE: "unix:/nobody" } });
    expect(ran).toEqual({ status: 0, stdout: "words\napps\n", stderr: "" });
  });
});

describe("the bash script", () => {
  it.each([
    ["nmctl sta", ["start", "status"]],
    ["nmctl ls --output=j", ["json"]],
    ["nmctl repository ", ["serve", "ls", "match", "put", "rm"]],
    ["nmctl start apps/w", [NAMES.web, NAMES.webInstallation, NAMES.running, NAMES.suspended]],
  ])("completes %j", async (typed, expected) => {
    expect(await bashCompletes(typed)).toEqual(expected);
  });
});

async function bashCompletes(typed: string): Promise<string[]> {
  await using dir = await tempDir();
  const program = join(dir.path, "nmctl");
  const script = join(dir.path, "completion");
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' --conditions=@nodemanager/source '${main}' "$@"\n`);
  await chmod(program, 0o755);
  await writeFile(script, (await suite.nmctl(["completion", "bash"])).stdout);
  // As readline does: split at white space and at the characters of COMP_WORDBREAKS.
  const parts = typed.split(/\s+|(=)/).filter((part) => part !== undefined && part !== "");
  const split = typed.endsWith(" ") ? [...parts, ""] : parts;
  const { stdout } = await promisify(execFile)(
    "bash",
    ["--norc", join(import.meta.dirname, "fixtures/complete.bash"), script, typed, ...split],
    { env: { ...process.env, PATH: `${dir.path}:${process.env.PATH}`, NMCTL_NODE: `unix:${suite.node.socketPath}` } },
  );
  return stdout.trimEnd().split("\n");
}

function words(found: ReturnType<typeof candidates>): string[] | undefined {
  return found.kind === "words" ? found.words.map(({ word }) => word) : undefined;
}
