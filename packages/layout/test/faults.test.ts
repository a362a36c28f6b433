import { join } from "node:path";
import { NodeError } from "@nodemanager/core";
import { describe, expect, test } from "vitest";
import { open } from "./support/fixture.ts";
import { Prepared } from "./support/invariants.ts";
import { memoryDir } from "./support/memory-dir.ts";
import { failAt, RecordingFs } from "./support/recording-fs.ts";
import { scenarios } from "./support/scenarios.ts";

/** What a full disk refuses. */
const GROWING = ["create", "write", "mkdir", "symlink", "link", "rename", "fsync", "syncDir"];

describe.each([
  { code: "EIO", verbs: undefined },
  { code: "ENOSPC", verbs: GROWING },
])("$code", ({ code, verbs }) => {
  test.each(scenarios)(
    "at any verb of $name fails with a reason and leaves the old state or the new one",
    async (scenario) => {
      await using dir = await memoryDir();
      const prepared = await Prepared.of(scenario, dir.path);
      const place = join(dir.path, "failed");
      let failures = 0;
      for (let n = 1; ; n += 1) {
        prepared.copyTo(place);
        const fault = failAt(n, code, verbs);
        // Not disposed: it is found as a killed process leaves it.
        const root = await open(join(place, "root"), { fs: new RecordingFs(fault.guard) });
        fault.arm();
        let acknowledged = true;
        try {
          await scenario.run(root, join(place, "link"));
        } catch (error) {
          expect(error, `verb ${n}`).toBeInstanceOf(NodeError);
          acknowledged = false;
          failures += 1;
        }
        if (fault.seen() < n) {
          break;
        }
        await prepared.check(place, `${code} at verb ${n}`, acknowledged);
      }
      expect(failures).toBeGreaterThan(0);
    },
  );
});
