/** One command: what the parser accepts, and what help and completion say. */
export interface CommandSpec {
  /** `["stop"]`, or `["repository", "serve"]`. */
  readonly words: readonly string[];
  /** Other spellings of the last word. */
  readonly aliases?: readonly string[];
  readonly group: Group;
  /** One line, no full stop. */
  readonly summary: string;
  /** Paragraphs. */
  readonly description: readonly string[];
  readonly operands: readonly Operand[];
  readonly options: readonly OptionSpec[];
  readonly examples: readonly Example[];
  /** Exit statuses that mean something particular here; the general ones are added. */
  readonly exit?: readonly (readonly [status: number, meaning: string])[];
  /** Whether it ends after 30 s unless `--timeout` says otherwise; what reports progress or follows something does not. */
  readonly endless?: boolean;
  /** Whether it goes on when nobody reads its output any more: it changes something. */
  readonly mutates?: boolean;
}

export type Group = "applications" | "node" | "repositories" | "nmctl";

export interface Operand {
  readonly name: string;
  readonly optional?: boolean;
  /** The last one may be given more than once. */
  readonly repeated?: boolean;
  readonly completes: Completes;
}

/** What a shell offers for a word. */
export type Completes =
  | { readonly kind: "nothing" }
  | { readonly kind: "files" }
  | { readonly kind: "directories" }
  | { readonly kind: "names" }
  | { readonly kind: "contexts" }
  | { readonly kind: "commands" }
  | { readonly kind: "words"; readonly words: readonly string[] };

export interface OptionSpec {
  /** Without the dashes. */
  readonly name: string;
  readonly short?: string;
  /** Absent for a switch. */
  readonly value?: OptionValue;
  readonly repeated?: boolean;
  /** One sentence or more. */
  readonly help: string;
}

export interface OptionValue {
  /** What stands for it in a synopsis. */
  readonly name: string;
  /** `argument` is a text that may be empty. */
  readonly type: "text" | "argument" | "duration" | "count" | "assignment" | "choice";
  /** Of a `choice`. */
  readonly choices?: readonly string[];
  /** Of a `count`; 0 unless given. */
  readonly least?: number;
  /** Of a `duration`; 1 unless given. */
  readonly mostDays?: number;
  readonly completes?: Completes;
}

export interface Example {
  readonly command: string;
  readonly does: string;
}

/** `repository serve`. */
export function commandName(spec: Pick<CommandSpec, "words">): string {
  return spec.words.join(" ");
}
