import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isAlive, terminate } from "@nodemanager/exec";
import { reasonOf } from "@nodemanager/testing";
import { describe, expect, test, vi } from "vitest";
import { PATH, started, workspace } from "./support.ts";

// The page that teaches the protocol is run as it stands.

const page = readFileSync(new URL("../../../docs/exec-protocol.md", import.meta.url), "utf8");
const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const vectors: { configurations: { hex: string }[]; statuses: { hex: string }[] } = JSON.parse(
  readFileSync(new URL("vectors/wire.json", import.meta.url), "utf8"),
);
const readiness = { kind: "handshake", timeoutMs: 15_000 } as const;

function example(language: string, text: string = page): string {
  const [block, ...more] = [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))];
  if (block?.[1] === undefined || more.length > 0) {
    throw new Error(`the page has not one example in ${language}`);
  }
  return block[1];
}

describe.each(["sh", "python"])("the example in %s", (language) => {
  test("becomes ready, works, and ends in order", async () => {
    await using work = await workspace();
    const file = join(work.dir, "program");
    await writeFile(file, example(language), { mode: 0o700 });
    await using child = await started(work.command(file), "handshake", {
      values: { OTHER: "x", INSTANCE_NAME: "apps/web", CALLBACK_ID: "y" },
      secret: "s3cret",
    });
    await child.waitForReady(readiness);
    expect(await work.says("\n")).toBe("I am apps/web and know a secret of 6 characters\n");
    await vi.waitFor(() => expect(Number(readFileSync(join(work.dir, "count"), "utf8"))).toBeGreaterThan(1));
    expect(isAlive(child.identity)).toBe(true);
    await terminate(child, { signal: "SIGTERM", graceMs: 15_000 });
    expect(await child.exited).toEqual({ kind: "code", code: 0 });
    expect(work.stdout()).toContain("ending");
  });

  test("says why it cannot work", async () => {
    await using work = await workspace();
    const file = join(work.dir, "program");
    await writeFile(file, example(language), { mode: 0o700 });
    // Where nothing can be written, also by root.
    await using child = await started({ ...work.command(file), cwd: "/proc" }, "handshake", {
      values: { INSTANCE_NAME: "x" },
    });
    expect(await reasonOf(child.waitForReady(readiness))).toBe("CHILD_REPORTED_FAILURE");
    expect(await child.exited).toEqual({ kind: "code", code: 1 });
  });

  test("does nothing without a manager, and exits when the manager is gone", async () => {
    await using work = await workspace();
    const file = join(work.dir, "program");
    await writeFile(file, example(language), { mode: 0o700 });
    await using alone = await started(work.command(file), "none");
    expect(await alone.exited).toEqual({ kind: "code", code: 1 });
    for (const frames of ["", "\\0\\0\\0\\0", "\\0\\0\\0\\0\\0\\0\\0\\002{}\\0\\0\\0\\0\\0\\0\\0"]) {
      const script = `printf '${frames}' > frames; exec ./program 3< frames 4>&1`;
      await using orphan = await started(work.sh(script, { PATH, NODED_EXEC_VERSION: "1" }), "none");
      expect(await orphan.exited).toEqual({ kind: "code", code: 1 });
      const env = "NODED_EXEC_VERSION=1";
      await using told = await started(
        work.sh(`printf '${frames}' > frames; exec env ${env} ./program 3< frames 4>&1`),
        "none",
      );
      expect(await told.exited).toEqual({ kind: "code", code: 111 });
    }
    expect(work.stdout()).toBe("");
  });

  test("can be tried by hand as the page says", async () => {
    await using work = await workspace();
    await writeFile(join(work.dir, "program"), example(language), { mode: 0o700 });
    const byHand = /^printf .*\n^NODED_EXEC_VERSION=1 .*$/m.exec(page)?.[0] ?? "exit 99";
    await using child = await started(work.sh(byHand), "none");
    await work.says("I am apps/web and know a secret of 6 characters\n");
    await work.says("ready\n");
    await terminate(child, { signal: "SIGTERM", graceMs: 15_000 });
  });
});

test("the bytes on the page are those that the code is tested with", () => {
  const known = [...vectors.configurations, ...vectors.statuses].map(({ hex }) => hex);
  const shown = [...page.matchAll(/^\|[^|]+\| `([0-9a-f ]{12,})` \|$/gm)].map((match) => match[1]?.replaceAll(" ", ""));
  expect(shown).toHaveLength(4);
  expect(known).toEqual(expect.arrayContaining(shown));
});

test("the example in the README runs", async () => {
  await using work = await workspace();
  const file = join(work.dir, "example.ts");
  const sources = new URL("../src/index.ts", import.meta.url).href;
  await writeFile(file, example("ts", readme).replace('"@nodemanager/exec"', JSON.stringify(sources)));
  const command = work.command(process.execPath, ["--conditions=@nodemanager/source", file]);
  await using child = await started(command, "none");
  expect([await child.exited, work.stderr()]).toEqual([{ kind: "code", code: 0 }, ""]);
  expect(work.stdout()).toMatch(/^\d+ runs\nready\nended by SIGTERM\n$/);
});
