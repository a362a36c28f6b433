import { cp, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Check } from "./check.ts";
import { findingsOf } from "./command.ts";
import { readWorkspace } from "./read-workspace.ts";

/**
 * Whether the next release could be made: applies the waiting changesets to a copy of the manifests. `changeset status` says
 * less and needs the history, which a download of the sources does not have.
 *
 * @param scratch - an empty directory for the copy
 */
export function releaseCheck(root: string, scratch: string): Check {
  return {
    name: "changesets: the next release can be made",
    async run() {
      const copy = join(scratch, "release");
      const manifests = readWorkspace(root).map(({ dir }) => `${dir}/package.json`);
      for (const file of ["package.json", "pnpm-workspace.yaml", ".changeset", ...manifests]) {
        await mkdir(dirname(join(copy, file)), { recursive: true });
        await cp(join(root, file), join(copy, file), { recursive: true });
      }
      return await findingsOf(copy, "changeset", ["version"]);
    },
  };
}
