import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { tempDir } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { StatusChannel } from "../src/status-channel.ts";

test("what was written before the exit counts, although the exit is reported first and others hold the descriptor", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "fifo");
  execFileSync("mkfifo", [path]);
  const socket = new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK) });
  const writer = openSync(path, constants.O_WRONLY);
  const channel = new StatusChannel(socket, "status");
  // In the kernel by now, and not read yet.
  writeSync(writer, "failed no licence\n");
  channel.exited({ kind: "code", code: 1 });
  expect(await channel.outcome).toEqual({ kind: "failed", text: "no licence" });
  closeSync(writer);
});
