import { open, stat } from "node:fs/promises";
import { isErrno, NodeError } from "@nodemanager/core";
import { inspectBinary } from "@nodemanager/profile";
import { IsRunnableResponse } from "@nodemanager/proto/v1";
import type { NodeClient } from "@nodemanager/rpc/client";
import type { Invocation } from "../command.ts";
import { EXIT_CODES } from "../exit-code.ts";
import { document, type Output } from "../output.ts";

const HEAD_BYTES = 4096;

type Request = Parameters<NodeClient["node"]["isRunnable"]>[0];

/** `is-runnable`. */
export async function isRunnable({ args, session, signal }: Invocation): Promise<Output> {
  const what = args.operand;
  const request = (await isFile(what)) ? await needsOf(what) : { profiles: [what] };
  const { node } = await session.node();
  const response = await node.isRunnable(request, { signal });
  return {
    ...document({
      name: what,
      json: () => IsRunnableResponse.toJSON(response),
      text: () => `${response.runnable ? "runnable" : "not runnable"}: ${response.reason}`,
    }),
    exitCode: () => (response.runnable ? EXIT_CODES.done : EXIT_CODES.failed),
  };
}

async function isFile(text: string): Promise<boolean> {
  if (text.includes("/")) {
    return true;
  }
  try {
    return (await stat(text)).isFile();
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) {
      return false;
    }
    throw unreadable(text, error);
  }
}

async function needsOf(file: string): Promise<Request> {
  const inspection = inspectBinary(await readHead(file));
  switch (inspection.kind) {
    case "elf":
    case "pe":
    case "mach":
      return { specification: { ...inspection.specification, libraries: [...inspection.specification.libraries] } };
    case "script":
      // What it needs is its interpreter, and what that is called is the node's affair.
      return { specification: {} };
    case "unknown":
      throw new NodeError("INVALID_ARGUMENT", `${file} is neither an executable program nor a script`);
  }
}

async function readHead(file: string): Promise<Uint8Array> {
  try {
    await using handle = await open(file, "r");
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, cause: unknown): NodeError {
  const why = isErrno(cause, "ENOENT") ? "there is no such file" : "it cannot be read";
  return new NodeError("INVALID_ARGUMENT", `${file}: ${why}`, { cause });
}
