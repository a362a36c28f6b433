import { readdir } from "node:fs/promises";
import type { Check } from "./check.ts";

/** Whether the tests removed what they made in the directory that they had for temporary files. */
export function leftoversCheck(temporary: string): Check {
  return {
    name: "the tests left no temporary file behind",
    async run() {
      const left = await readdir(temporary, { recursive: true });
      return left.sort().join("\n");
    },
  };
}
