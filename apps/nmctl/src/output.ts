/** What a command hands to the renderer. */
export interface Output {
  /**
   * `document`: one item. `list`: items that are one document together. `stream`: each item is printed when it comes.
   */
  readonly shape: "document" | "list" | "stream";
  /** For the table; without them, an item's text is printed. */
  readonly columns?: readonly Column[];
  readonly items: AsyncIterable<Item> | Iterable<Item>;
  /** What a table without rows is, for people, on stderr. */
  readonly empty?: string;
  /** Asked when all items were printed; 0 unless given. */
  readonly exitCode?: () => number;
}

/** One thing that is printed, in the ways in which it can be. */
export interface Item {
  /** For `-o name`. */
  readonly name: string;
  /** For `-o json` and `-o yaml`: a JSON value, with the names of the protocol buffers. */
  readonly json: () => unknown;
  /** For `-o table` with columns. */
  readonly cells?: () => readonly Cell[];
  /** For `-o table` without columns; bytes are passed on as they are, text gets a newline. */
  readonly text?: () => string | Uint8Array;
}

export interface Column {
  readonly title: string;
  /** Columns with higher numbers are left out first when the terminal is too narrow; never without a number. */
  readonly optional?: number;
}

export type Cell = string | { readonly text: string; readonly tone: Tone };
export type Tone = "good" | "bad" | "busy" | "quiet";

/** An output of one item. */
export function document(item: Item): Output {
  return { shape: "document", items: [item] };
}

/** An output of nothing. */
export function nothing(): Output {
  return { shape: "stream", items: [] };
}
