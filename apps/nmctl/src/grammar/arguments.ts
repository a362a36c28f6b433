/** What was given to one command, checked against its grammar. */
export class Arguments {
  readonly operands: readonly string[];
  readonly #values: ReadonlyMap<string, readonly OptionValueGiven[]>;

  constructor(operands: readonly string[], values: ReadonlyMap<string, readonly OptionValueGiven[]>) {
    this.operands = operands;
    this.#values = values;
  }

  /** The first operand; the grammar has made sure that there is one where it asks for one. */
  get operand(): string {
    return this.operands[0] ?? "";
  }

  /** Whether a switch was given. */
  has(option: string): boolean {
    return this.#values.has(option);
  }

  /** The value that was given last. */
  text(option: string): string | undefined {
    return this.#values.get(option)?.at(-1)?.text;
  }

  /** All values, in order. */
  texts(option: string): string[] {
    return (this.#values.get(option) ?? []).map(({ text }) => text);
  }

  /** The value of an option of type `count` or, in milliseconds, `duration`. */
  number(option: string): number | undefined {
    return this.#values.get(option)?.at(-1)?.number;
  }

  /** The values of an option of type `assignment`; a later one wins. */
  assignments(option: string): Record<string, string> {
    return Object.fromEntries(
      this.texts(option).map((text) => {
        const equals = text.indexOf("=");
        return [text.slice(0, equals), text.slice(equals + 1)];
      }),
    );
  }
}

export interface OptionValueGiven {
  readonly text: string;
  readonly number?: number | undefined;
}
