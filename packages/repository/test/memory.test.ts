import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { tempDir } from "@nodemanager/testing";
import { expect, test } from "vitest";
import type { MemoryUse } from "./memory-probe.ts";

const MIB = 1024 * 1024;
const SIZE_BYTES = 192 * MIB;
// The collector lets chunks come together, as many for any size of binary.
const RESIDENT_BYTES = 160 * MIB;

test.each([
  { kind: "file", heldBytes: 2 * MIB },
  // Both sides are in this one process, and so is the window of the connection.
  { kind: "grpc", heldBytes: 16 * MIB },
])(
  "$kind: a large binary goes through in a few chunks",
  async ({ kind, heldBytes }) => {
    await using dir = await tempDir();
    const probe = join(import.meta.dirname, "memory-probe.ts");
    const nodeArgs = [
      "--expose-gc",
      "--conditions=@nodemanager/source",
      "--disable-warning=ExperimentalWarning",
      probe,
    ];
    const args = [...nodeArgs, kind, dir.path, String(SIZE_BYTES)];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const { publishingHeld, fetchingHeld, residentPeak }: MemoryUse = JSON.parse(stdout);
    expect(publishingHeld).toBeLessThan(heldBytes);
    expect(fetchingHeld).toBeLessThan(heldBytes);
    expect(residentPeak).toBeLessThan(RESIDENT_BYTES);
  },
  60_000,
);
