import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ManagerUpdate_State } from "@nodemanager/proto/v1";
import { CertificateAuthority, tempDir } from "@nodemanager/testing";
import { describe, expect, it, vi } from "vitest";
import { parseSshTarget } from "../src/connection/ssh-target.ts";
import { NAMES, outcome, ScriptedNode } from "./fixtures/scripted-node.ts";
import { suiteNode } from "./fixtures/suite-node.ts";

const suite = suiteNode();

describe("which node is meant", () => {
  it("is --node, then --context, then NMCTL_NODE, then NMCTL_CONTEXT, then the context in use", async () => {
    await using dir = await tempDir();
    const env = { XDG_CONFIG_HOME: dir.path, NMCTL_NODE: undefined };
    const here = `unix:${suite.node.socketPath}`;
    const nowhere = "unix:/nowhere/sock";
    await suite.nmctl(["context", "set", "here", "--node", here], { env });
    await suite.nmctl(["context", "set", "nowhere", "--node", nowhere], { env });
    await suite.nmctl(["context", "use", "nowhere"], { env });
    const reached = async (argv: readonly string[], more: Record<string, string> = {}) =>
      (await suite.nmctl(["ls", ...argv], { env: { ...env, ...more } })).status === 0;
    expect({
      node: await reached(["--node", here], { NMCTL_NODE: nowhere, NMCTL_CONTEXT: "nowhere" }),
      context: await reached(["--context", "here"], { NMCTL_NODE: nowhere, NMCTL_CONTEXT: "nowhere" }),
      nodeVariable: await reached([], { NMCTL_NODE: here, NMCTL_CONTEXT: "nowhere" }),
      contextVariable: await reached([], { NMCTL_CONTEXT: "here" }),
      contextInUse: await reached([]),
    }).toEqual({ node: true, context: true, nodeVariable: true, contextVariable: true, contextInUse: false });
  });

  it("is this machine's own without all these", async () => {
    const env = { NMCTL_NODE: undefined, XDG_RUNTIME_DIR: "/run/user/1000" };
    expect((await suite.nmctl(["ls"], { env })).stderr).toContain("unix:/run/user/1000/noded/noded.sock");
    expect((await suite.nmctl(["ls"], { env, uid: 0 })).stderr).toContain("unix:/run/noded/noded.sock");
    expect((await suite.nmctl(["ls"], { env: { NMCTL_NODE: undefined }, uid: 7 })).stderr).toContain(
      "unix:/run/user/7/noded/noded.sock",
    );
  });
});

describe("contexts", () => {
  it("are listed, used and forgotten", async () => {
    await using dir = await tempDir();
    const env = { XDG_CONFIG_HOME: dir.path };
    expect((await suite.nmctl(["context", "list"], { env })).stdout).toBe("");
    await suite.nmctl(["context", "set", "lab", "--node", "ssh://admin@lab"], { env });
    await suite.nmctl(["context", "set", "shop", "--node", "shop:7400", "--tls-ca", "/ca.pem"], { env });
    await suite.nmctl(["context", "use", "shop"], { env });
    expect((await suite.nmctl(["context", "list"], { env })).stdout).toBe(
      ["   NAME  NODE", "   lab   ssh://admin@lab", "*  shop  shop:7400", ""].join("\n"),
    );
    const json = JSON.parse((await suite.nmctl(["context", "ls", "-o", "json"], { env })).stdout);
    expect(json).toEqual([
      { name: "lab", current: false, node: "ssh://admin@lab" },
      { name: "shop", current: true, node: "shop:7400", tls: { caFile: "/ca.pem" } },
    ]);
    expect((await suite.nmctl(["context", "rm", "shop"], { env })).status).toBe(0);
    expect((await suite.nmctl(["context", "list", "-o", "name"], { env })).stdout).toBe("lab\n");
    expect((await suite.nmctl(["context", "use", "shop"], { env })).status).toBe(2);
    for (const unknown of ["shop", "constructor"]) {
      expect((await suite.nmctl(["--context", unknown, "ls"], { env })).status).toBe(2);
    }
    expect(suite.node.calls).toEqual([]);
  });

  it("are in a file for the user alone that keeps what it does not know", async () => {
    await using dir = await tempDir();
    const env = { XDG_CONFIG_HOME: dir.path };
    const file = join(dir.path, "nmctl/contexts.json");
    await suite.nmctl(["context", "set", "lab", "--node", "unix:relative.sock"], { env });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const saved = JSON.parse(await readFile(file, "utf8"));
    expect(saved.contexts.lab.node).toBe(`unix:${process.cwd()}/relative.sock`);
    await writeFile(
      file,
      JSON.stringify({ ...saved, colour: "green", contexts: { lab: { node: "a:1", note: "mine" } } }),
    );
    await suite.nmctl(["context", "set", "other", "--node", "unix:/b"], { env });
    expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject({
      schemaVersion: 1,
      colour: "green",
      contexts: { lab: { note: "mine" }, other: { node: "unix:/b" } },
    });
  });

  it.each([
    ["not JSON", "{"],
    ["no object", "[]"],
    ["of a newer schema", '{"schemaVersion":2,"contexts":{}}'],
    ["with a field of the wrong type", '{"schemaVersion":1,"contexts":{"lab":{"node":1}}}'],
  ])("in a file that is %s are a mistake that names the file, and nothing is changed", async (_, text) => {
    await using dir = await tempDir();
    const env = { XDG_CONFIG_HOME: dir.path, NMCTL_NODE: undefined };
    const file = join(dir.path, "nmctl/contexts.json");
    await suite.nmctl(["context", "set", "lab", "--node", "unix:/a"], { env });
    await writeFile(file, text);
    for (const argv of [["ls"], ["context", "list"], ["context", "set", "b", "--node", "unix:/b"]]) {
      const { status, stderr } = await suite.nmctl(argv, { env });
      expect(status).toBe(2);
      expect(stderr).toContain(file);
      expect(stderr).toContain("INVALID_CONFIG");
    }
    expect(await readFile(file, "utf8")).toBe(text);
  });

  it("have names without surprises", async () => {
    await using dir = await tempDir();
    const env = { XDG_CONFIG_HOME: dir.path };
    for (const name of ["", "../a", "a b", "-a", "x".repeat(65)]) {
      expect((await suite.nmctl(["context", "set", "--node", "unix:/a", "--", name], { env })).status).toBe(2);
    }
    expect((await suite.nmctl(["context", "use", "__proto__"], { env })).status).toBe(2);
  });
});

describe("a node at HOST:PORT", () => {
  it("is reached by mutual TLS from flags, variables or a context, and by nothing less", async () => {
    await using dir = await tempDir();
    const ca = await CertificateAuthority.create(dir.path, "ca");
    const server = await ca.issue({ name: "server", hosts: ["localhost"] });
    const client = await ca.issue({ name: "client" });
    const foreign = await (await CertificateAuthority.create(dir.path, "foreign-ca")).issue({ name: "foreign" });
    await using node = await ScriptedNode.start({
      certFile: server.certFile,
      keyFile: server.keyFile,
      clientCaFile: ca.caFile,
    });
    const flags = (cert: { certFile: string; keyFile: string }) => [
      ...["--node", node.tcpAddress, "--tls-ca", ca.caFile],
      ...["--tls-cert", cert.certFile, "--tls-key", cert.keyFile],
    ];
    expect((await suite.nmctl(["describe", ...flags(client)])).status).toBe(0);
    const env = {
      NMCTL_NODE: node.tcpAddress,
      NMCTL_TLS_CA: ca.caFile,
      NMCTL_TLS_CERT: client.certFile,
      NMCTL_TLS_KEY: client.keyFile,
    };
    expect((await suite.nmctl(["describe"], { env })).status).toBe(0);
    const saved = { XDG_CONFIG_HOME: dir.path, NMCTL_NODE: undefined };
    await suite.nmctl(["context", "set", "shop", ...flags(client)], { env: saved });
    expect((await suite.nmctl(["describe", "--context", "shop"], { env: saved })).status).toBe(0);
    expect(node.calls).toHaveLength(3);

    const { status, stderr } = await suite.nmctl(["describe", ...flags(foreign)]);
    expect({ status, reason: stderr.includes("(UNAUTHENTICATED)") }).toEqual({ status: 6, reason: true });
    const without = await suite.nmctl(["describe", "--node", node.tcpAddress, "--tls-ca", ca.caFile]);
    expect(without.status).toBe(6);
    const stranger = await suite.nmctl(["describe", "--node", node.tcpAddress, "--tls-ca", foreign.certFile]);
    expect(stranger.status).toBe(6);
    expect(node.calls).toHaveLength(3);
  });
});

describe("a node at ssh://", () => {
  it.each([
    ["ssh://lab", { host: "lab", socket: "/run/noded/noded.sock" }],
    ["ssh://lab/", { host: "lab", socket: "/run/noded/noded.sock" }],
    [
      "ssh://ann@lab.example.org:2222/tmp/n.sock",
      { host: "lab.example.org", user: "ann", port: 2222, socket: "/tmp/n.sock" },
    ],
    ["ssh://[fe80::1]:22", { host: "fe80::1", port: 22, socket: "/run/noded/noded.sock" }],
  ])("%s is understood", (text, expected) => {
    expect(parseSshTarget(text)).toEqual(expected);
  });

  it.each([
    "ssh:lab",
    "ssh://",
    "ssh://-oProxyCommand=touch",
    "ssh://-l@lab",
    "ssh://lab:0",
    "ssh://lab:70000",
    "ssh://lab/a:b",
    "ssh://lab/%h",
    "ssh://lab/a b",
    "ssh://a b",
  ])("%s is refused before anything is started", async (text) => {
    const { status, stderr } = await suite.nmctl(["ls", "--node", text], { env: { PATH: "/nonexistent" } });
    expect(status).toBe(2);
    expect(stderr).toContain("INVALID_ADDRESS");
  });

  it("is reached through the user's own ssh, which is ended afterwards", async () => {
    await using ssh = await fakeSsh();
    const address = `ssh://ann@lab:2222${suite.node.socketPath}`;
    const { status, stdout } = await suite.nmctl(["ls", "-o", "name", NAMES.web, "--node", address], { env: ssh.env });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "apps/web\n" });
    const [call] = await ssh.calls();
    const [local] = call?.args[call.args.indexOf("-L") + 1]?.split(":") ?? [];
    expect(call?.args).toEqual([
      ...["-N", "-T", "-o", "ExitOnForwardFailure=yes", "-L", `${local}:${suite.node.socketPath}`],
      ...["-l", "ann", "-p", "2222", "--", "lab"],
    ]);
    await expect(stat(String(local))).rejects.toThrow("ENOENT");
    await gone(call?.pid);
  });

  it("is reached through the same ssh when it was away meanwhile", async () => {
    await using ssh = await fakeSsh();
    const { node } = suite;
    node.operation = async function* () {
      yield outcome("nm");
      setImmediate(() => void node.goAway().then(() => node.comeBack()));
    };
    node.lastUpdate = () => ({ state: ManagerUpdate_State.HEALTHY, requestId: "r" });
    const address = `ssh://lab${node.socketPath}`;
    const args = ["update", "nm", "--wait", "--request-id", "r", "--node", address];
    expect(await suite.nmctl(args, { env: ssh.env })).toMatchObject({ status: 0, stdout: "nm\n" });
    expect(await ssh.calls()).toHaveLength(1);
  });

  it("says so when ssh fails", async () => {
    await using ssh = await fakeSsh();
    const { status, stderr } = await suite.nmctl(["ls", "--node", "ssh://refuse"], { env: ssh.env });
    expect(status).toBe(1);
    expect(stderr).toContain("refuse: Permission denied (publickey).\n");
    expect(stderr).toContain("ssh to refuse ended with status 255");
    expect(stderr).toContain("(NODE_UNAVAILABLE)");
  });

  it("says so when there is no ssh", async () => {
    await using dir = await tempDir();
    const { status, stderr } = await suite.nmctl(["ls", "--node", "ssh://lab"], { env: { PATH: dir.path } });
    expect(status).toBe(1);
    expect(stderr).toContain("there is no ssh on PATH");
  });

  it("gives up with the timeout, and ends ssh", async () => {
    await using ssh = await fakeSsh();
    const { status } = await suite.nmctl(["ls", "--node", "ssh://silent", "--timeout", "400ms"], { env: ssh.env });
    expect(status).toBe(5);
    const [call] = await ssh.calls();
    await gone(call?.pid);
  });
});

async function fakeSsh() {
  const dir = await tempDir();
  const script = join(import.meta.dirname, "fixtures/fake-ssh.mjs");
  const log = join(dir.path, "log");
  await writeFile(log, "");
  const program = join(dir.path, "ssh");
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${script}' "$@"\n`);
  await chmod(program, 0o755);
  return {
    env: { PATH: `${dir.path}:${process.env.PATH}`, FAKE_SSH_LOG: log },
    async calls(): Promise<{ readonly pid: number; readonly args: readonly string[] }[]> {
      const lines = (await readFile(log, "utf8")).trim().split("\n");
      return lines.filter((line) => line !== "").map((line) => JSON.parse(line));
    },
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

async function gone(pid: number | undefined): Promise<void> {
  await vi.waitFor(() => {
    expect(() => process.kill(Number(pid), 0)).toThrow("ESRCH");
  });
}
