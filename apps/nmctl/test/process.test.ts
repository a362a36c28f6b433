import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, copyFile, mkdir, open, realpath, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { openRepository, parseRepositoryAddress, publish } from "@nodemanager/repository";
import { binaryOf, tempDir } from "@nodemanager/testing";
import { describe, expect, it } from "vitest";
import { NAMES, progress } from "./fixtures/scripted-node.ts";
import { suiteNode } from "./fixtures/suite-node.ts";

const suite = suiteNode();
const app = join(import.meta.dirname, "..");

const SOURCE = ["--conditions=@nodemanager/source", join(app, "src/main.ts")];

type Child = ChildProcessByStdio<null, Readable, Readable>;

describe("the process", () => {
  it("cancels and ends with status 130 at the first Ctrl-C", async () => {
    const { promise: cancelled, resolve } = Promise.withResolvers<void>();
    suite.node.operation = async function* ({ request }, signal) {
      signal.addEventListener("abort", () => resolve(), { once: true });
      yield progress(String(request.name), "stopping", 0, 0);
      await cancelled;
    };
    const child = nmctl(["stop", NAMES.running]);
    await says(child.stderr, "stopping");
    child.kill("SIGINT");
    expect(await status(child)).toBe(130);
    await cancelled;
  });

  it("says that its output could not be written", async () => {
    await using full = await open("/dev/full", "w");
    for (const args of [["ls"], ["help", "install"]]) {
      const child = spawn(process.execPath, [...SOURCE, ...args], {
        env: { ...process.env, NMCTL_NODE: `unix:${suite.node.socketPath}` },
        stdio: ["ignore", full.fd, "pipe"],
      });
      if (!child.stderr) {
        throw new Error("there is no pipe to complain on");
      }
      const [stderr, code] = await Promise.all([text(child.stderr), status(child)]);
      expect(stderr).toMatch(/why: writing the output: .*\(DISK_FULL\)/);
      expect(stderr).not.toContain("    at ");
      expect(code).toBe(1);
    }
  });

  it("ends at once at the second", async () => {
    await using dir = await tempDir();
    const file = join(dir.path, "program");
    await writeFile(file, Buffer.alloc(8 * 1024 * 1024));
    const child = spawn(
      process.execPath,
      [...SOURCE, "repository", "serve", join(dir.path, "r"), "--listen", "127.0.0.1:0", "--ready-fd", "3"],
      { stdio: ["ignore", "pipe", "pipe", "pipe"] },
    );
    const [, , , ready] = child.stdio;
    if (!(ready instanceof Readable)) {
      throw new Error("there is no pipe to be told on");
    }
    const address = (await text(ready)).trim();
    await using repository = await openRepository(parseRepositoryAddress(address));
    const { envelope } = await publish({
      file,
      to: repository,
      application: "web",
      description: { version: "1.0.0" },
      profiles: ["p"],
    });
    // A download that nobody goes on with is what the first signal waits for; after its grace the status would be 0.
    const download = repository.binaries.open(binaryOf(envelope).sha256)[Symbol.asyncIterator]();
    await download.next();
    child.kill("SIGTERM");
    child.kill("SIGINT");
    expect(await status(child)).toBe(130);
  });

  it("ends in silence when nobody reads its answer any more", async () => {
    suite.node.objects = Array.from({ length: 20_000 }, (_, i) => ({
      name: `apps/${i}`,
      state: 1,
      object: undefined,
      error: "",
    }));
    const child = nmctl(["ls", "-o", "name"]);
    const errors = text(child.stderr);
    await once(child.stdout, "data");
    child.stdout.destroy();
    expect(await status(child)).toBe(0);
    expect(await errors).toBe("");
  });

  it("does what it was told also when nobody reads its output", async () => {
    const child = nmctl(["stop", NAMES.running, NAMES.suspended]);
    child.stdout.destroy();
    expect(await status(child)).toBe(0);
    expect(suite.node.operations).toHaveLength(2);
  });
});

describe("bin/nmctl", () => {
  it("finds its program and Node through links, from any directory", async () => {
    await using dir = await tempDir();
    const { bin, tree } = await installed(dir.path);
    await writeFile(
      join(tree, "apps/nmctl/dist/main.js"),
      "console.log(process.execPath, ...process.argv.slice(2));\n",
    );
    await mkdir(join(dir.path, "elsewhere/deep"), { recursive: true });
    await symlink(bin, join(dir.path, "elsewhere/one"));
    await symlink("../one", join(dir.path, "elsewhere/deep/two"));
    const expected = `${await realpath(process.execPath)} a b  c\n`;
    for (const [file, cwd] of [
      [bin, "/"],
      [join(dir.path, "elsewhere/one"), "/"],
      [join(dir.path, "elsewhere/deep/two"), dir.path],
      ["./two", join(dir.path, "elsewhere/deep")],
      ["../apps/nmctl/bin/nmctl", join(tree, "node_modules")],
    ] as const) {
      const child = spawn(file, ["a", "b  c"], {
        cwd,
        stdio: ["ignore", "pipe", "pipe"],
        env: { PATH: "/usr/bin:/bin" },
      });
      const [stdout] = await Promise.all([text(child.stdout), status(child)]);
      expect(stdout, file).toBe(expected);
    }
  });

  it("says what to do when it is not built", async () => {
    await using dir = await tempDir();
    const { bin } = await installed(dir.path);
    const child = spawn(bin, ["ls"], { stdio: ["ignore", "pipe", "pipe"] });
    const [stderr, code] = await Promise.all([text(child.stderr), status(child)]);
    expect(code).toBe(1);
    expect(stderr).toContain("npm run setup");
  });
});

function nmctl(argv: readonly string[]): Child {
  return spawn(process.execPath, [...SOURCE, ...argv], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NMCTL_NODE: `unix:${suite.node.socketPath}` },
  });
}

async function status(child: ChildProcess): Promise<number | null> {
  const [code] = child.exitCode === null ? await once(child, "exit") : [child.exitCode];
  return code;
}

async function says(stream: Readable, what: string): Promise<void> {
  let said = "";
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    said += String(chunk);
    if (said.includes(what)) {
      return;
    }
  }
  throw new Error(`it ended and said ${JSON.stringify(said)}`);
}

async function installed(dir: string): Promise<{ readonly tree: string; readonly bin: string }> {
  const tree = join(dir, "a clone");
  const arch = process.arch;
  await mkdir(join(tree, "apps/nmctl/bin"), { recursive: true });
  await mkdir(join(tree, "apps/nmctl/dist"), { recursive: true });
  await mkdir(join(tree, `node_modules/node-linux-${arch}/bin`), { recursive: true });
  await symlink(process.execPath, join(tree, `node_modules/node-linux-${arch}/bin/node`));
  const bin = join(tree, "apps/nmctl/bin/nmctl");
  await copyFile(join(app, "bin/nmctl"), bin);
  await chmod(bin, 0o755);
  return { tree, bin };
}
