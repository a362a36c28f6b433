import type { Cell, Output } from "../output.ts";
import { Table } from "./table.ts";
import type { Terminal } from "./terminal.ts";

export type Format = "table" | "json" | "yaml" | "name";

/**
 * Prints what a command returned.
 *
 * JSON and YAML: a `document` is one document, a `list` is one array, a `stream` is one document for each item, in JSON
 * one a line. Names: one a line. Tables: a `list` is laid out as a whole, a `stream` as it comes.
 */
export async function render(output: Output, format: Format, terminal: Terminal): Promise<void> {
  switch (format) {
    case "json":
      return await renderJson(output, terminal);
    case "yaml":
      return await renderYaml(output, terminal);
    case "name":
      for await (const item of output.items) {
        await terminal.data(`${item.name}\n`);
      }
      return;
    case "table":
      return output.columns ? await renderTable(output, terminal) : await renderText(output, terminal);
  }
}

async function renderJson(output: Output, terminal: Terminal): Promise<void> {
  if (output.shape === "list") {
    await terminal.data(`${JSON.stringify(await all(output), undefined, 2)}\n`);
    return;
  }
  for await (const item of output.items) {
    await terminal.data(`${JSON.stringify(item.json(), undefined, output.shape === "document" ? 2 : 0)}\n`);
  }
}

async function renderYaml(output: Output, terminal: Terminal): Promise<void> {
  const { stringify } = await import("yaml");
  if (output.shape === "list") {
    await terminal.data(stringify(await all(output)));
    return;
  }
  for await (const item of output.items) {
    await terminal.data(`${output.shape === "stream" ? "---\n" : ""}${stringify(item.json())}`);
  }
}

async function renderTable(output: Output, terminal: Terminal): Promise<void> {
  const table = new Table(output.columns ?? [], { width: terminal.width, colour: terminal.hasColour });
  if (output.shape === "stream") {
    let first = true;
    for await (const item of output.items) {
      const cells = item.cells?.() ?? [];
      table.measure(cells);
      await terminal.data(`${first ? `${table.header()}\n` : ""}${table.row(cells)}\n`);
      first = false;
    }
    return;
  }
  const rows: (readonly Cell[])[] = [];
  for await (const item of output.items) {
    const cells = item.cells?.() ?? [];
    table.measure(cells);
    rows.push(cells);
  }
  if (rows.length === 0) {
    if (output.empty !== undefined) {
      terminal.say(output.empty);
    }
    return;
  }
  await terminal.data(`${[table.header(), ...rows.map((row) => table.row(row))].join("\n")}\n`);
}

async function renderText(output: Output, terminal: Terminal): Promise<void> {
  for await (const item of output.items) {
    const text = item.text?.() ?? item.name;
    await terminal.data(typeof text === "string" && !text.endsWith("\n") ? `${text}\n` : text);
  }
}

async function all(output: Output): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const item of output.items) {
    values.push(item.json());
  }
  return values;
}
