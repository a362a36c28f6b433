import { describe, expect, it } from "vitest";
import { commandName } from "../src/grammar/command-spec.ts";
import { manualPage } from "../src/help/markdown.ts";
import { commands } from "../src/spec/table.ts";
import { suiteNode } from "./fixtures/suite-node.ts";

const suite = suiteNode();

describe("help", () => {
  it("lists every command", async () => {
    const { status, stdout } = await suite.nmctl(["help"]);
    expect(status).toBe(0);
    for (const spec of commands) {
      expect(stdout).toContain(`${commandName(spec)} `);
      expect(stdout).toContain(spec.summary);
    }
    expect((await suite.nmctl(["--help"])).stdout).toBe(stdout);
    expect((await suite.nmctl([])).stdout).toBe(stdout);
  });

  it.each(commands.map((spec) => [commandName(spec), spec] as const))(
    "has a whole manual of %s",
    async (name, spec) => {
      const { stdout } = await suite.nmctl(["help", ...spec.words]);
      const sections = stdout.split("\n").filter((line) => /^[A-Z]/.test(line));
      expect(sections).toEqual(
        ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "GLOBAL OPTIONS", "EXAMPLES", "EXIT STATUS"].filter(
          (section) =>
            !(section === "OPTIONS" && spec.options.length === 0) &&
            !(section === "DESCRIPTION" && spec.description.length === 0),
        ),
      );
      for (const option of spec.options) {
        expect(stdout).toContain(`--${option.name}`);
      }
      expect(stdout.split("\n").filter((line) => line.length > 80 && !line.includes("http"))).toEqual([]);
      expect((await suite.nmctl([...spec.words, "--help", "--wrong"])).stdout).toBe(stdout);
      expect(name).not.toBe("");
    },
  );

  it("lists the commands of a group", async () => {
    const { stdout } = await suite.nmctl(["help", "repository"]);
    expect(stdout).toContain("repository serve");
    expect(stdout).not.toContain("context use");
    expect((await suite.nmctl(["repository", "--help"])).stdout).toBe(stdout);
  });

  it("has examples that are in the grammar", async () => {
    for (const spec of commands) {
      for (const { command } of spec.examples) {
        expect(command, commandName(spec)).toContain(`nmctl ${spec.words.join(" ")}`);
      }
    }
  });

  it("is the source of docs/nmctl.md; vitest -u writes it anew", async () => {
    await expect(manualPage()).toMatchFileSnapshot("../../../docs/nmctl.md");
  });
});
