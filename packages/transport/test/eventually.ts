import { vi } from "vitest";

/** Waits until the check passes: long enough for a machine that has other things to do. */
export async function eventually(check: () => void | Promise<void>): Promise<void> {
  await vi.waitFor(check, { timeout: 10_000 });
}
