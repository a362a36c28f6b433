import type { Cell, Column, Tone } from "../output.ts";
import { printable } from "./printable.ts";
import { padded, shortened, textWidth } from "./text-width.ts";

const GAP = "  ";
const CODES: Readonly<Record<Tone, string>> = { good: "32", bad: "31", busy: "33", quiet: "2" };

/** How tables are to look. */
export interface TableStyle {
  /** In columns of the terminal. */
  readonly width: number;
  readonly colour: boolean;
}

/**
 * Lays out rows in aligned columns. When they do not fit, the columns that are optional are left out, the one with the
 * highest number first; then the last column is shortened. The others are never cut: names are there to be copied.
 */
export class Table {
  readonly #columns: readonly Column[];
  readonly #style: TableStyle;
  /** The width of each column so far. */
  readonly #widths: number[];

  constructor(columns: readonly Column[], style: TableStyle) {
    this.#columns = columns;
    this.#style = style;
    this.#widths = columns.map(({ title }) => textWidth(title));
  }

  /** Takes the widths of a row into account for what is laid out from now on. */
  measure(row: readonly Cell[]): void {
    for (const [index, cell] of row.entries()) {
      this.#widths[index] = Math.max(this.#widths[index] ?? 0, textWidth(printable(textOf(cell))));
    }
  }

  /** The line of titles. */
  header(): string {
    return this.#line(this.#columns.map(({ title }) => title));
  }

  /** The line of a row. */
  row(row: readonly Cell[]): string {
    return this.#line(row);
  }

  #line(row: readonly Cell[]): string {
    const shown = this.#shown();
    let left = this.#style.width;
    const cells = shown.map((column, position) => {
      const cell = row[column] ?? "";
      const text = printable(textOf(cell));
      const width = this.#widths[column] ?? 0;
      if (position === shown.length - 1) {
        return this.#painted(position === 0 ? text : shortened(text, Math.max(left, 8)), cell);
      }
      left -= width + GAP.length;
      return this.#painted(padded(text, width), cell);
    });
    return cells.join(GAP).trimEnd();
  }

  /** The indexes of the columns that fit. */
  #shown(): number[] {
    const shown = this.#columns.map((_, index) => index);
    for (;;) {
      const last = shown.at(-1) ?? 0;
      // The last column can be shortened to this and still say something.
      const needed = shown.reduce(
        (sum, index) => sum + (index === last ? Math.min(this.#widths[index] ?? 0, 24) : (this.#widths[index] ?? 0)),
        GAP.length * (shown.length - 1),
      );
      const leave = shown
        .filter((index) => this.#columns[index]?.optional !== undefined)
        .sort((a, b) => (this.#columns[b]?.optional ?? 0) - (this.#columns[a]?.optional ?? 0))[0];
      if (needed <= this.#style.width || leave === undefined) {
        return shown;
      }
      shown.splice(shown.indexOf(leave), 1);
    }
  }

  #painted(text: string, cell: Cell): string {
    return this.#style.colour && typeof cell !== "string" ? `\u001b[${CODES[cell.tone]}m${text}\u001b[0m` : text;
  }
}

function textOf(cell: Cell): string {
  return typeof cell === "string" ? cell : cell.text;
}
