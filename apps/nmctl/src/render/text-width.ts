// East Asian Wide and Fullwidth, as far as titles and notes use them, and what is shown as an emoji.
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
const NARROW_ONLY = /^[\u0020-\u007e]*$/;

let graphemes: Intl.Segmenter | undefined;

/** How many columns a terminal needs for the text. */
export function textWidth(text: string): number {
  if (NARROW_ONLY.test(text)) {
    return text.length;
  }
  let width = 0;
  for (const grapheme of segments(text)) {
    width += WIDE.test(grapheme) ? 2 : 1;
  }
  return width;
}

/** The text with spaces after it, so that it needs so many columns. */
export function padded(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - textWidth(text)));
}

/** As much of the text as fits, with `…` where something is missing at the end. */
export function shortened(text: string, width: number): string {
  if (textWidth(text) <= width) {
    return text;
  }
  let result = "";
  let used = 1;
  for (const grapheme of segments(text)) {
    used += textWidth(grapheme);
    if (used > width) {
      break;
    }
    result += grapheme;
  }
  return width < 1 ? "" : `${result}…`;
}

function segments(text: string): string[] {
  graphemes ??= new Intl.Segmenter("en", { granularity: "grapheme" });
  return Array.from(graphemes.segment(text), ({ segment }) => segment);
}
