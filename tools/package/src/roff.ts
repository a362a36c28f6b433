/** One page of the manual. */
export interface ManualPage {
  readonly name: string;
  /** 1 for commands, 8 for what the system runs. */
  readonly section: number;
  readonly summary: string;
  readonly version: string;
  /** `2026-11-25`. */
  readonly date: string;
  readonly sections: readonly Section[];
}

export interface Section {
  readonly title: string;
  readonly blocks: readonly Block[];
}

export type Block =
  /** Running text. */
  | { readonly kind: "paragraph"; readonly text: string }
  /** A call, an example: in one line, as it is. */
  | { readonly kind: "literal"; readonly text: string }
  /** Terms, each with what it means. */
  | { readonly kind: "terms"; readonly terms: readonly Term[] }
  | { readonly kind: "subsection"; readonly title: string };

export interface Term {
  readonly term: string;
  readonly paragraphs: readonly string[];
}

/** The page in roff, with the man(7) macros. */
export function roff(page: ManualPage): string {
  const { name, section, summary, version, date, sections } = page;
  return [
    `.TH ${quoted(name.toUpperCase())} ${section} ${quoted(date)} ${quoted(`${name} ${version}`)} "Node manager"`,
    // A hyphen at the end of a line would be taken for part of a name.
    ".nh",
    ".ad l",
    `.SH NAME\n${escaped(name)} \\- ${escaped(summary)}`,
    ...sections.map(({ title, blocks }) => [`.SH ${quoted(title)}`, ...blocks.map(block)].join("\n")),
    "",
  ].join("\n");
}

function block(one: Block): string {
  switch (one.kind) {
    case "paragraph":
      return `.PP\n${escaped(one.text)}`;
    case "literal":
      return `.PP\n.RS 4\n\\fB${escaped(one.text)}\\fR\n.RE`;
    case "subsection":
      return `.SS ${quoted(one.title)}`;
    case "terms":
      return one.terms.map(term).join("\n");
  }
}

function term({ term, paragraphs }: Term): string {
  const [first = "", ...more] = paragraphs.map((text) => escaped(text));
  return [`.TP\n\\fB${escaped(term)}\\fR\n${first}`, ...more.map((text) => `.br\n${text}`)].join("\n");
}

/**
 * Text that roff shows as it is: a backslash begins an escape, a dot at the start of a line a request, and a bare minus
 * becomes a typographic one that no shell knows.
 */
export function escaped(text: string): string {
  const plain = text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga")
    .replaceAll("~", "\\(ti")
    .replaceAll("^", "\\(ha");
  return plain.startsWith(".") ? `\\&${plain}` : plain;
}

/** An argument of a macro. */
function quoted(text: string): string {
  return `"${escaped(text).replaceAll('"', "\\(dq")}"`;
}
