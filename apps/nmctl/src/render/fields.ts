import { printable } from "./printable.ts";

/** Facts as aligned lines, `title:  value`; what is empty is left out, further lines of a value are below its first. */
export function describeFields(fields: readonly (readonly [title: string, value: string])[]): string {
  const shown = fields.filter(([, value]) => value !== "");
  const width = Math.max(0, ...shown.map(([title]) => title.length)) + 2;
  return shown
    .map(([title, value]) => {
      const [first = "", ...more] = value.split("\n").map(printable);
      return [`${title}:`.padEnd(width) + first, ...more.map((line) => " ".repeat(width) + line)].join("\n");
    })
    .join("\n");
}

/** `63.4 MB`. */
export function megabytes(bytes: bigint): string {
  return `${(Number(bytes) / 1e6).toFixed(1)} MB`;
}
