// Control characters, and those that change the direction in which a terminal shows what follows.
const COMMANDS = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/**
 * Text from elsewhere as one line that a terminal shows and does not obey: each control character becomes its code,
 * `\x1b`.
 */
export function printable(text: string): string {
  return text.replace(COMMANDS, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}
