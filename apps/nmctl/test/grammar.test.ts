import { describe, expect, it } from "vitest";
import { commandName } from "../src/grammar/command-spec.ts";
import { loadCommand } from "../src/load-command.ts";
import { globalOptions } from "../src/spec/global-options.ts";
import { commands, hiddenCommands } from "../src/spec/table.ts";
import { NAMES } from "./fixtures/scripted-node.ts";
import { suiteNode } from "./fixtures/suite-node.ts";

const suite = suiteNode();

describe("what is not in the grammar ends with status 2, says so, and calls nobody", () => {
  const wrong: readonly (readonly [what: string, argv: readonly string[]])[] = [
    ["no command", []],
    ["an unknown command", ["strat", NAMES.web]],
    ["an unknown subcommand", ["repository", "sevre"]],
    ["a group alone", ["context"]],
    ["an unknown option", ["ls", "--verbose"]],
    ["an unknown short option", ["ls", "-x"]],
    ["an option of another command", ["start", NAMES.web, "--deadline", "1s"]],
    ["an option without its value", ["logs", NAMES.running, "--lines"]],
    ["a switch with a value", ["logs", NAMES.running, "--follow=yes"]],
    ["a value that is no duration", ["stop", NAMES.running, "--deadline", "soon"]],
    ["a duration without a unit", ["stop", NAMES.running, "--deadline", "10"]],
    ["a value that is no count", ["logs", NAMES.running, "-n", "-1"]],
    ["a count below the least", ["stop", NAMES.running, "--parallel", "0"]],
    ["a value that is none of the choices", ["ls", "-o", "xml"]],
    ["a value that is no assignment", ["install", "file:/srv/web", "--env", "PORT"]],
    ["an assignment without a key", ["install", "file:/srv/web", "--env", "=1"]],
    ["an empty value", ["ls", "--node", ""]],
    ["too few operands", ["install"]],
    ["too many operands", ["install", "file:/srv/web", "file:/srv/db"]],
    ["too many optional operands", ["ls", "apps/*", "nm"]],
    ["too few of several operands", ["update-to", NAMES.web]],
    ["no operand where one or more are needed", ["stop"]],
    ["a malformed name", ["stop", "apps/web/1/2/3"]],
    ["a malformed id", ["stop", "apps/web/ABC"]],
    ["a malformed name after a good one", ["stop", NAMES.running, "web"]],
    ["an empty name", ["stop", ""]],
    ["a reserved title", ["start", "apps/node manager"]],
    ["a title with a control character", ["start", "apps/a\tb"]],
    ["a malformed name to ask about", ["status", "web"]],
    ["a glob that ends in a backslash", ["ls", "apps/\\"]],
    ["a glob to operate on that ends in a backslash", ["stop", "apps/\\"]],
    ["start of an instance", ["start", NAMES.running]],
    ["uninstall of an instance", ["uninstall", NAMES.running]],
    ["suspend of the manager", ["suspend", "nm"]],
    ["logs of an installation", ["logs", NAMES.webInstallation]],
    ["reset without --yes", ["reset"]],
    ["--request-id with two names", ["stop", NAMES.running, NAMES.suspended, "--request-id", "r"]],
    ["--request-id with a partial name", ["stop", "apps", "--request-id", "r"]],
    ["--node and --context", ["ls", "--node", "unix:/a", "--context", "b"]],
    ["an address that is none", ["ls", "--node", "somewhere"]],
    ["a network address without TLS files", ["ls", "--node", "127.0.0.1:1"]],
    ["a socket path that is too long", ["ls", "--node", `unix:/${"x".repeat(108)}`]],
    ["a context that is not there", ["ls", "--context", "nowhere"]],
    ["a shell without completion", ["completion", "csh"]],
    ["help for an unknown command", ["help", "strat"]],
  ];

  it.each(wrong)("%s", async (_, argv) => {
    const { status, stdout, stderr } = await suite.nmctl(argv);
    expect({ status, calls: suite.node.calls }).toEqual({ status: 2, calls: [] });
    if (argv.length > 0) {
      expect(stdout).toBe("");
      expect(stderr).toMatch(/^nmctl: .+\n.*\S/s);
    }
  });

  it("points to the manual of the command", async () => {
    expect((await suite.nmctl(["logs"])).stderr).toContain("try: nmctl help logs");
    expect((await suite.nmctl(["sttaus"])).stderr).toContain("did you mean status?");
    expect((await suite.nmctl(["ls", "--nodes", "x"])).stderr).toContain("did you mean --node?");
  });
});

describe("what is in the grammar", () => {
  it("takes global options before, between and after", async () => {
    const node = `unix:${suite.node.socketPath}`;
    const ran = await Promise.all([
      suite.nmctl(["--node", node, "-o", "name", "ls"], { env: { NMCTL_NODE: "unix:/nobody" } }),
      suite.nmctl(["ls", `--node=${node}`, "-oname"], { env: { NMCTL_NODE: "unix:/nobody" } }),
      suite.nmctl(["-o", "name", "ls", "apps/**", "--node", node], { env: { NMCTL_NODE: "unix:/nobody" } }),
    ]);
    expect(ran.map(({ status }) => status)).toEqual([0, 0, 0]);
    expect(new Set(ran.map(({ stdout }) => stdout)).size).toBe(1);
  });

  it("passes an option's value on whatever it looks like", async () => {
    await suite.nmctl(["install", "file:/srv/r/web", "--arg", "--port", "--arg=", "--env", "A=b=c", "--env", "E="]);
    expect(suite.node.calls).toMatchObject([
      { method: "install", request: { origin: "file:/srv/r/web", args: ["--port", ""], env: { A: "b=c", E: "" } } },
    ]);
  });

  it("takes every word after -- for an operand", async () => {
    const { status, stderr } = await suite.nmctl(["ls", "--", "--node"]);
    expect(status).toBe(2);
    expect(stderr).toContain("INVALID_NAME");
  });

  it("has code for every command", async () => {
    const loaded = await Promise.all([...commands, ...hiddenCommands].map((spec) => loadCommand(commandName(spec))));
    expect(loaded.every((command) => typeof command === "function")).toBe(true);
  });

  it("has no option twice in a command", () => {
    for (const spec of commands) {
      const names = [...spec.options, ...globalOptions].flatMap(({ name, short }) => (short ? [name, short] : [name]));
      expect(new Set(names).size, commandName(spec)).toBe(names.length);
    }
  });
});
