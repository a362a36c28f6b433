import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { tempDir } from "@nodemanager/testing";
import { expect, test } from "vitest";
import type { MemoryUse } from "./memory-probe.ts";

const MIB = 1024 * 1024;
const SIZE_BYTES = 256 * MIB;
// The collector lets some tens of megabytes of chunks come together, in any size of binary. With gRPC, both sides are in
// this one process. The whole binary would be twice this.
const ALLOWED_BYTES = 128 * MIB;

test.each(["file", "grpc"])("%s: a large binary goes through in a few chunks", async (kind) => {
  await using dir = await tempDir();
  const probe = join(import.meta.dirname, "memory-probe.ts");
  const nodeArgs = ["--conditions=@nodemanager/source", "--disable-warning=ExperimentalWarning", probe];
  const args = [...nodeArgs, kind, dir.path, String(SIZE_BYTES)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const { before, peakPublishing, peakFetching }: MemoryUse = JSON.parse(stdout);
  expect(peakPublishing - before).toBeLessThan(ALLOWED_BYTES);
  expect(peakFetching - before).toBeLessThan(ALLOWED_BYTES);
});
