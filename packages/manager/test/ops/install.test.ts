import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { NodeError } from "@nodemanager/core";
import type { OperationEvent } from "@nodemanager/manager";
import { openRepository, publish, type Repository } from "@nodemanager/repository";
import { binaryOf, collect, failureOf, reasonOf, tempDir } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { PROFILE, publication, repositoryDir } from "../support/applications.ts";
import { objectOf, TestNode } from "../support/test-node.ts";

/** A file repository whose binaries come as the test lets them. */
async function repositoryWith(
  open: (chunks: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined) => AsyncIterable<Uint8Array>,
): Promise<Repository> {
  const real = await openRepository({ kind: "file", dir: await repositoryDir() }, {});
  const binaries: Repository["binaries"] = {
    open: (sha256, o) => open(real.binaries.open(sha256, o), o?.signal),
    stat: (...args) => real.binaries.stat(...args),
    upload: (...args) => real.binaries.upload(...args),
    delete: (...args) => real.binaries.delete(...args),
  };
  return {
    address: real.address,
    applications: real.applications,
    binaries,
    [Symbol.asyncDispose]: () => real[Symbol.asyncDispose](),
  };
}

test.concurrent("an installation tells how far it is and what it is called", async () => {
  await using node = await TestNode.open();
  const events = await collect(node.manager.install(await publication({ mode: "steady" })));
  const phases = events.flatMap((event) => (event.kind === "progress" ? [event.phase] : []));
  expect(new Set(phases)).toEqual(new Set(["matching", "fetching", "installing"]));
  const [installation] = await node.names("apps/steady/*");
  expect(events.at(-1)).toMatchObject({ kind: "outcome", object: installation, note: "" });
  expect(await node.installation(installation ?? "")).toMatchObject({ state: "installed", instances: 0 });
});

test.concurrent("two installations of an application share its binary, which is fetched once", async () => {
  let opened = 0;
  await using node = await TestNode.open({
    openRepository: () =>
      repositoryWith((chunks) => {
        opened++;
        return chunks;
      }),
  });
  const origin = await publication({ mode: "steady" });
  const names = await Promise.all([objectOf(node.manager.install(origin)), objectOf(node.manager.install(origin))]);
  expect(new Set(names).size).toBe(2);
  expect(opened).toBe(1);
});

test.concurrent("what is neither a program nor a script is not installed", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "text");
  await writeFile(file, "just words\n");
  await using to = await openRepository({ kind: "file", dir: join(dir.path, "repository") }, {});
  await publish({ file, to, application: "words", description: { version: "1.0.0" }, profiles: [PROFILE] });
  await using node = await TestNode.open();
  expect(await reasonOf(collect(node.manager.install(`file:${dir.path}/repository/words`)))).toBe(
    "BINARY_INCOMPATIBLE",
  );
  expect(await node.names("**")).toEqual([]);
});

test.concurrent("a binary that an application has changed is not given to the next installation", async () => {
  await using node = await TestNode.open();
  const origin = await publication({ mode: "steady" });
  const first = await node.installation(await objectOf(node.manager.install(origin)));
  const blob = node.root.blobs.path(binaryOf(first.envelope).sha256);
  const bytes = await readFile(blob);
  await chmod(blob, 0o700);
  await writeFile(blob, Buffer.alloc(bytes.length, "x"));
  const second = await objectOf(node.manager.install(origin));
  expect(await readFile(blob)).toEqual(bytes);
  await objectOf(node.manager.start(second));
});

test.concurrent("arguments and variables that no process can have are refused, and nothing is fetched", async () => {
  let opened = 0;
  await using node = await TestNode.open({
    openRepository: () => {
      opened++;
      return repositoryWith((chunks) => chunks);
    },
  });
  const origin = await publication({ mode: "steady" });
  for (const [additions, field] of [
    [{ env: { "A B": "x" } }, "env.A B"],
    [{ env: { "": "x" } }, "env."],
    [{ env: { A: "x\0y" } }, "env.A"],
    [{ env: { NODED_VERSION: "9" } }, "env.NODED_VERSION"],
    [{ args: ["fine", "a\0b"] }, "args.1"],
  ] as const) {
    const failure = await failureOf(collect(node.manager.install(origin, additions)));
    expect(failure).toMatchObject({ reason: "INVALID_ARGUMENT", metadata: { field } });
  }
  expect(opened).toBe(0);
});

test.concurrent("a cancelled installation leaves nothing on disk, wherever it is", async () => {
  const reached = Promise.withResolvers<void>();
  await using node = await TestNode.open({
    openRepository: () =>
      repositoryWith(async function* (chunks, signal) {
        for await (const chunk of chunks) {
          yield chunk.subarray(0, 10);
          reached.resolve();
          // The rest never comes.
          await new Promise((_, reject) => signal?.addEventListener("abort", reject));
        }
      }),
  });
  const origin = await publication({ mode: "steady" });
  const before = await node.listing();
  const abort = new AbortController();
  const install = reasonOf(collect(node.manager.install(origin, { signal: abort.signal })));
  await reached.promise;
  expect(await node.listing()).not.toEqual(before);
  abort.abort();
  expect(await install).toBe("CANCELLED");
  expect(await node.listing()).toEqual(before);
});

test.concurrent("an installation that is cancelled after its binary is here leaves nothing either", async () => {
  await using node = await TestNode.open();
  const origin = await publication({ mode: "steady" });
  const before = await node.listing();
  const abort = new AbortController();
  const install = async () => {
    for await (const event of node.manager.install(origin, { signal: abort.signal })) {
      if (event.kind === "progress" && event.phase === "fetching" && event.done === event.goal) {
        abort.abort();
      }
    }
  };
  expect(await reasonOf(install())).toBe("CANCELLED");
  expect(await node.listing()).toEqual(before);
});

test.concurrent("a caller that goes away cancels its installation", async () => {
  await using node = await TestNode.open();
  const origin = await publication({ mode: "steady" });
  const before = await node.listing();
  for await (const _ of node.manager.install(origin)) {
    break;
  }
  // A shutdown waits for what is under way.
  await node.shutdown();
  expect((await node.listing()).filter((line) => !line.startsWith("lock"))).toEqual(
    before.filter((line) => !line.startsWith("lock")),
  );
});

test.concurrent.each<[string, () => Promise<string>]>([
  ["INVALID_ORIGIN", async () => "nowhere"],
  ["ENVELOPE_NOT_FOUND", async () => (await publication({ mode: "steady" })).replace("steady", "unknown")],
  ["VERSION_NOT_FOUND", async () => `${await publication({ mode: "steady" })}@7.0.0`],
  ["PROFILE_MISMATCH", async () => await publication({ mode: "steady", title: "foreign", profiles: ["other"] })],
  ["BINARY_INCOMPATIBLE", async () => await publication({ title: "alien", binary: await alienProgram() })],
])("%s changes nothing on disk", async (reason, origin) => {
  await using node = await TestNode.open();
  const text = await origin();
  const before = await node.listing();
  expect(await reasonOf(collect(node.manager.install(text)))).toBe(reason);
  expect(await node.listing()).toEqual(before);
});

test.concurrent("a binary that is too large is refused before it is fetched", async () => {
  await using node = await TestNode.open({ maxBinaryBytes: 10 });
  const before = await node.listing();
  expect(await reasonOf(collect(node.manager.install(await publication({ mode: "steady" }))))).toBe("TOO_LARGE");
  expect(await node.listing()).toEqual(before);
});

test.concurrent("a binary that is not the one that was promised is refused", async () => {
  await using node = await TestNode.open({
    openRepository: () =>
      repositoryWith(async function* (chunks) {
        for await (const chunk of chunks) {
          yield chunk.map((byte) => byte ^ 1);
        }
      }),
  });
  const origin = await publication({ mode: "steady" });
  const before = await node.listing();
  expect(await reasonOf(collect(node.manager.install(origin)))).toBe("DIGEST_MISMATCH");
  expect(await node.listing()).toEqual(before);
});

test.concurrent("what the node supports and what was offered is said when no profile matches", async () => {
  await using node = await TestNode.open();
  const origin = await publication({ mode: "steady", title: "elsewhere", profiles: ["beos"] });
  const failure = await failureOf(collect(node.manager.install(origin)));
  expect(failure.message).toContain("beos");
  expect(failure.metadata).toMatchObject({ supported: "test", offered: "beos" });
});

test.concurrent("a repository that cannot be reached is said to be", async () => {
  await using node = await TestNode.open({
    openRepository: async () => {
      throw new NodeError("REPOSITORY_UNAVAILABLE", "down");
    },
  });
  const events: OperationEvent[] = [];
  const install = async () => {
    for await (const event of node.manager.install("grpc:127.0.0.1:1/a")) {
      events.push(event);
    }
  };
  expect(await reasonOf(install())).toBe("REPOSITORY_UNAVAILABLE");
});

/** A program for another kind of machine: this one's shell, with another machine in its ELF header. */
async function alienProgram(): Promise<Uint8Array> {
  const program = await readFile("/bin/sh");
  const [arm64, amd64] = [0xb7, 0x3e];
  program.writeUInt16LE(program.readUInt16LE(18) === amd64 ? arm64 : amd64, 18);
  return program;
}
