import { NodeError } from "./errors.ts";

/** One character as it is, `*` or `?`. */
type Token = { readonly character: string } | "*" | "?";
type Segment = readonly Token[] | "**";

/**
 * Compiles a glob over names. `*` is any text without `/`, `?` one character but `/`, `**` as a whole segment any
 * number of segments, also none; a backslash takes the next character as it is. Titles may hold every other character
 * that shells and libraries give a meaning to, such as brackets, so those mean themselves.
 *
 * Matching takes time in proportion to pattern times name, whatever the pattern: it may come from anyone who may ask.
 * (A regular expression made of it would not keep to that.)
 *
 * @throws NodeError `INVALID_NAME` when the pattern ends in a backslash
 */
export function compileGlob(pattern: string): (name: string) => boolean {
  const segments = pattern.split("/").map(parseSegment);
  return (name) => matchesSegments(segments, name.split("/"));
}

/** Whether the text has a glob's characters, so that it is not one object's name. */
export function isGlob(text: string): boolean {
  return /[*?\\]/.test(text);
}

/** The pattern that matches just this name. */
export function escapeGlob(name: string): string {
  return name.replace(/[*?\\]/g, "\\$&");
}

function parseSegment(segment: string): Segment {
  if (segment === "**") {
    return "**";
  }
  const tokens: Token[] = [];
  let isEscaped = false;
  for (const character of segment) {
    if (isEscaped) {
      tokens.push({ character });
      isEscaped = false;
    } else if (character === "\\") {
      isEscaped = true;
    } else {
      tokens.push(character === "*" || character === "?" ? character : { character });
    }
  }
  if (isEscaped) {
    throw new NodeError("INVALID_NAME", `a glob cannot end in a backslash: ${JSON.stringify(segment)}`);
  }
  return tokens;
}

function matchesSegments(pattern: readonly Segment[], name: readonly string[]): boolean {
  const characters = name.map((segment) => [...segment]);
  return matches(pattern, characters, "**", (segment, text) => segment !== "**" && matchesSegment(segment, text));
}

function matchesSegment(tokens: readonly Token[], text: readonly string[]): boolean {
  return matches(tokens, text, "*", (token, character) => token === "?" || isSame(token, character));
}

function isSame(token: Token, character: string): boolean {
  return typeof token === "object" && token.character === character;
}

/**
 * Whether items match a pattern in which a star stands for any number of them. When something does not fit, only the last
 * star has to take one more: what an earlier one could take besides, the last one can take as well.
 */
function matches<P, T>(pattern: readonly P[], items: readonly T[], star: P, fits: (p: P, item: T) => boolean): boolean {
  let [p, i] = [0, 0];
  let [starAt, starEnd] = [-1, 0];
  while (i < items.length) {
    const [part, item] = [pattern[p], items[i]];
    if (p < pattern.length && part === star) {
      [starAt, starEnd] = [p, i];
      p++;
    } else if (part !== undefined && item !== undefined && fits(part, item)) {
      p++;
      i++;
    } else if (starAt >= 0) {
      starEnd++;
      [p, i] = [starAt + 1, starEnd];
    } else {
      return false;
    }
  }
  return pattern.slice(p).every((part) => part === star);
}
