import { commandName, commands } from "@nodemanager/nmctl/manual";
import { EXIT_STATUSES, OPTIONS } from "@nodemanager/noded/help";
import { expect, test } from "vitest";
import { nmctlPage, nodedPage } from "../src/manual-pages.ts";
import { escaped, roff } from "../src/roff.ts";

const EDITION = { version: "1.2.3", date: "2026-11-25" };

test("nmctl(1) has every command with its options and examples", () => {
  const text = roff(nmctlPage(EDITION));
  for (const spec of commands) {
    expect(text).toContain(`.SS "${escaped(`nmctl ${commandName(spec)} - ${spec.summary}`)}"\n`);
    for (const { name } of spec.options) {
      expect(text).toContain(escaped(`--${name}`));
    }
    for (const { command } of spec.examples) {
      expect(text).toContain(escaped(command));
    }
  }
});

test("noded(8) has every option and every exit status", () => {
  const text = roff(nodedPage(EDITION));
  for (const { title, elsewhere } of OPTIONS) {
    expect(text).toContain(`.TP\n\\fB${escaped(title)}\\fR\n`);
    expect(text).toContain(escaped(elsewhere));
  }
  for (const [status, meaning] of EXIT_STATUSES) {
    expect(text).toContain(`.TP\n\\fB${status}\\fR\n${escaped(meaning)}\n`);
  }
});
