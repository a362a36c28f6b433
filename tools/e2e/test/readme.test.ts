import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";
import { tempDir } from "@nodemanager/testing";
import { expect, test, vi } from "vitest";

// Programs are started by the dozen, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const clone = join(import.meta.dirname, "../../..");

test("the first five minutes of the README go as it says", { timeout: 60_000 }, async () => {
  await using home = await tempDir();
  chmodSync(home.path, 0o711);
  const readme = readFileSync(join(clone, "README.md"), "utf8");
  const blocks = [...readme.matchAll(/<!-- tested: quick-start -->\n```sh\n(.*?)```/gs)].map(
    ([, block]) => block ?? "",
  );
  expect(blocks.length).toBe(4);
  const [start, ...rest] = blocks;
  // A reader types more slowly than the manager starts.
  const waiting = "until nmctl describe >/dev/null 2>&1; do :; done\n";
  const shell = spawn("sh", ["-eu"], {
    env: {
      HOME: home.path,
      TMPDIR: home.path,
      PATH: [join(clone, "apps/noded/bin"), join(clone, "apps/nmctl/bin"), process.env.PATH].join(delimiter),
    },
    cwd: home.path,
    stdio: ["pipe", "pipe", "pipe"],
  });
  shell.stdin.end([start, waiting, ...rest, "wait\n"].join(""));
  const [stdout, stderr] = await Promise.all([text(shell.stdout), text(shell.stderr), once(shell, "close")]);
  expect({ status: shell.exitCode, stderr: shell.exitCode === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toContain("hello, world; I work in ");
  expect(stdout).toMatch(/^apps\/hello\/[a-z2-7]{26}\/[a-z2-7]{26} +running/m);
});
