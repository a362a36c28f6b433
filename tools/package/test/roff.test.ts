import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tempDir } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { type Block, escaped, roff } from "../src/roff.ts";

const MAN = "/usr/bin/man";

function page(blocks: readonly Block[]): string {
  const edition = { version: "1.2.3", date: "2026-11-25" };
  return roff({ name: "thing", section: 1, summary: "does it", ...edition, sections: [{ title: "BODY", blocks }] });
}

/** What a reader sees, and what the formatter complains of. */
async function shown(text: string): Promise<{ text: string; complaints: string }> {
  await using dir = await tempDir();
  const file = join(dir.path, "thing.1");
  writeFileSync(file, text);
  const env = { PATH: "/usr/bin:/bin", MANWIDTH: "100", LC_ALL: "C.UTF-8", MANROFFOPT: "-ww", MAN_KEEP_FORMATTING: "" };
  const { stdout, stderr } = spawnSync(MAN, ["--warnings", "-E", "UTF-8", "-l", file], { env, encoding: "utf8" });
  return { text: stdout, complaints: stderr };
}

test.each([
  ["a\\b", "a\\eb"],
  ["--flag", "\\-\\-flag"],
  [".request", "\\&.request"],
  ["'request", "\\(aqrequest"],
  ["~/.bashrc", "\\(ti/.bashrc"],
])("%j is written so that it is shown as it is", (text, expected) => {
  expect(escaped(text)).toBe(expected);
});

test.skipIf(!existsSync(MAN))(
  "a reader sees the characters that were meant, and the formatter has nothing to say",
  async () => {
    const odd = ".dot 'quote' \"double\" back\\slash --dash ~tilde ^hat `tick` 100% $HOME é";
    const { text, complaints } = await shown(
      page([
        { kind: "paragraph", text: odd },
        { kind: "literal", text: odd },
        { kind: "subsection", title: odd },
        { kind: "terms", terms: [{ term: odd, paragraphs: [odd, odd] }] },
      ]),
    );
    expect(complaints).toBe("");
    expect(text.split(odd).length - 1).toBe(6);
    expect(text).toContain("thing - does it");
    expect(text).toContain("thing 1.2.3");
  },
);
