import { execFileSync } from "node:child_process";
import { appendFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LogChunk, LogOptions } from "@nodemanager/manager";
import { collect, reasonOf } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { TestNode } from "./support/test-node.ts";

async function textOf(node: TestNode, name: string, options: LogOptions = {}): Promise<string> {
  return joined(await collect(node.manager.readLogs(name, options)));
}

function joined(chunks: readonly LogChunk[]): string {
  return Buffer.concat(chunks.map((chunk) => chunk.data)).toString();
}

/** An instance that does not run, and its logs' directory. */
async function suspended(node: TestNode): Promise<{ instance: string; logsDir: string }> {
  const { instance } = await node.running({ mode: "steady" });
  await collect(node.manager.suspend(instance));
  return { instance, logsDir: (await node.instance(instance)).logsDir };
}

test.concurrent("logs are read as they are, stdout before stderr, or one of them", async () => {
  await using node = await TestNode.open();
  const { instance, logsDir } = await suspended(node);
  await writeFile(join(logsDir, "stdout"), "one\ntwo\n");
  await writeFile(join(logsDir, "stderr"), "trouble\n");
  expect(await textOf(node, instance)).toBe("one\ntwo\ntrouble\n");
  expect(await textOf(node, instance, { stream: "stdout" })).toBe("one\ntwo\n");
  expect(await textOf(node, instance, { stream: "stderr" })).toBe("trouble\n");
});

test.concurrent.each([
  [0, ""],
  [1, "three"],
  [2, "two\nthree"],
  [3, "one\ntwo\nthree"],
  [99, "one\ntwo\nthree"],
])("the last %i lines are read, an unfinished one counts", async (tailLines, expected) => {
  await using node = await TestNode.open();
  const { instance, logsDir } = await suspended(node);
  await writeFile(join(logsDir, "stdout"), "one\ntwo\nthree");
  expect(await textOf(node, instance, { stream: "stdout", tailLines })).toBe(expected);
});

test.concurrent("the last lines of a large log are found from its end", async () => {
  await using node = await TestNode.open();
  const { instance, logsDir } = await suspended(node);
  const lines = Array.from({ length: 50_000 }, (_, i) => `line ${i}\n`);
  await writeFile(join(logsDir, "stdout"), lines.join(""));
  for (const tailLines of [1, 10_000, 49_999]) {
    expect(await textOf(node, instance, { stream: "stdout", tailLines })).toBe(lines.slice(-tailLines).join(""));
  }
});

test.concurrent("a follower gets what is written, and ends when the process has ended, with its last words", async () => {
  await using node = await TestNode.open();
  const { instance, pid } = await node.running({ mode: "steady" });
  const seen: string[] = [];
  for await (const { data } of node.manager.readLogs(instance, { stream: "stdout", follow: true })) {
    seen.push(Buffer.from(data).toString());
    if (seen.length === 1) {
      process.kill(pid, "SIGUSR2");
    } else if (seen.length === 2) {
      process.kill(pid, "SIGTERM");
    }
  }
  expect(seen.join("")).toMatch(/^steady \d+ \nmore\nbye\n$/);
});

test.concurrent.each(["stop", "uninstall"] as const)(
  "a follower gets the last words also when %s moves the logs",
  async (verb) => {
    await using node = await TestNode.open();
    const { installation, instance } = await node.running({ mode: "steady" });
    const chunks: LogChunk[] = [];
    const reading = Promise.withResolvers<void>();
    const follow = (async () => {
      for await (const chunk of node.manager.readLogs(instance, { stream: "stdout", follow: true })) {
        chunks.push(chunk);
        reading.resolve();
      }
    })();
    await reading.promise;
    await collect(node.manager[verb](verb === "stop" ? instance : installation));
    await follow;
    expect(joined(chunks)).toMatch(/^steady \d+ \nbye\n$/);
  },
);

test.concurrent("following what does not run ends at once", async () => {
  await using node = await TestNode.open();
  const { instance } = await suspended(node);
  expect(await textOf(node, instance, { stream: "stdout", follow: true })).toMatch(/bye\n$/);
});

test.concurrent("a follower ends when it is cancelled and when the manager ends", async () => {
  await using node = await TestNode.open({ policy: "leave" });
  const { instance } = await node.running({ mode: "steady" });
  const abort = new AbortController();
  for await (const _ of node.manager.readLogs(instance, { follow: true, signal: abort.signal })) {
    abort.abort();
  }
  const reading = Promise.withResolvers<void>();
  const follow = (async () => {
    for await (const _ of node.manager.readLogs(instance, { follow: true })) {
      reading.resolve();
    }
  })();
  await reading.promise;
  await node.shutdown();
  await follow;
});

test.concurrent("who writes without end to one stream keeps nobody from the other, or from leaving", async () => {
  await using node = await TestNode.open();
  const { instance } = await node.running({ mode: "flood" });
  const { logsDir } = await node.instance(instance);
  const abort = new AbortController();
  let floods = 0;
  let afterwards = 0;
  for await (const { stream } of node.manager.readLogs(instance, { follow: true, signal: abort.signal })) {
    if (stream === "stderr") {
      abort.abort();
    } else if (abort.signal.aborted) {
      afterwards++;
    } else if (++floods === 3) {
      await appendFile(join(logsDir, "stderr"), "heard\n");
    }
  }
  expect(floods).toBeGreaterThanOrEqual(3);
  expect(afterwards).toBeLessThanOrEqual(1);
});

test.concurrent("what an application puts in the place of a log neither hangs nor shows anything else", async () => {
  await using node = await TestNode.open();
  const { instance, logsDir } = await suspended(node);
  await rm(join(logsDir, "stdout"));
  await rm(join(logsDir, "stderr"));
  execFileSync("mkfifo", [join(logsDir, "stdout")]);
  await symlink("/etc/passwd", join(logsDir, "stderr"));
  expect(await textOf(node, instance)).toBe("");
  expect(await textOf(node, instance, { tailLines: 3 })).toBe("");
  await node.manager.debug(instance);
});

test.concurrent("only instances have logs, and only those that are there", async () => {
  await using node = await TestNode.open();
  const { installation } = await node.running({ mode: "steady" });
  expect(await reasonOf(textOf(node, installation))).toBe("NOT_APPLICABLE");
  expect(await reasonOf(textOf(node, "apps/x/y"))).toBe("INVALID_NAME");
  expect(await reasonOf(textOf(node, `${installation}/${"a".repeat(26)}`))).toBe("INSTANCE_NOT_FOUND");
});
