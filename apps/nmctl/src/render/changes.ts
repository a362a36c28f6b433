import type { Change } from "@nodemanager/proto/v1";
import { Table } from "./table.ts";
import type { Terminal } from "./terminal.ts";

const COLUMNS = [{ title: "FIELD" }, { title: "FROM" }, { title: "TO" }];

/** Changes for people, one a line; nothing for none. */
export function changesTable(changes: readonly Change[], { width, hasColour }: Terminal): string {
  if (changes.length === 0) {
    return "";
  }
  const table = new Table(COLUMNS, { width, colour: hasColour });
  const rows = changes.map(({ field, from, to }) => [field, from, to]);
  for (const row of rows) {
    table.measure(row);
  }
  return [table.header(), ...rows.map((row) => table.row(row))].join("\n");
}

/** Changes in a few words: `version 1.0.0 to 2.0.0, args, env.LEVEL`. */
export function changesInShort(changes: readonly Change[]): string {
  return changes
    .map(({ field, from, to }) => (field === "version" ? `version ${from} to ${to}` : field))
    .filter((text) => !text.endsWith(".size"))
    .join(", ");
}
