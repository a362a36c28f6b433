import { NodeError } from "./errors.ts";

/**
 * Compiles a glob over names. `*` is any text without `/`, `?` one character but `/`, `**` as a whole segment any
 * number of segments, also none; a backslash takes the next character as it is. Titles may hold every other character
 * that shells and libraries give a meaning to, such as brackets, so those mean themselves.
 *
 * @throws NodeError `INVALID_NAME` when the pattern ends in a backslash
 */
export function compileGlob(pattern: string): (name: string) => boolean {
  const segments = splitSegments(pattern);
  let source = "";
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1;
    if (segment === "**") {
      source += last ? (index === 0 ? ".*" : "(?:/.*)?") : index === 0 ? "(?:[^/]*/)*" : "(?:/[^/]*)*";
      continue;
    }
    const afterLeadingStars = index === 1 && segments[0] === "**";
    source += `${index === 0 || afterLeadingStars ? "" : "/"}${segmentSource(segment)}`;
  }
  const expression = new RegExp(`^${source}$`, "su");
  return (name) => expression.test(name);
}

/** Whether the text has a glob's characters, so that it is not one object's name. */
export function isGlob(text: string): boolean {
  return /[*?\\]/.test(text);
}

/** The pattern that matches just this name. */
export function escapeGlob(name: string): string {
  return name.replace(/[*?\\]/g, "\\$&");
}

function splitSegments(pattern: string): string[] {
  return pattern.split("/");
}

function segmentSource(segment: string): string {
  let source = "";
  const characters = [...segment];
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i] ?? "";
    if (character === "*") {
      source += "[^/]*";
    } else if (character === "?") {
      source += "[^/]";
    } else if (character === "\\") {
      i++;
      const next = characters[i];
      if (next === undefined) {
        throw new NodeError("INVALID_NAME", `a glob cannot end in a backslash: ${JSON.stringify(segment)}`);
      }
      source += RegExp.escape(next);
    } else {
      source += RegExp.escape(character);
    }
  }
  return source;
}
