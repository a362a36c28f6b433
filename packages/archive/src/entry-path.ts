import { invalidPackage } from "./invalid-package.ts";

/** How long one name in a path may be; what Linux takes. */
const NAME_MAX_BYTES = 255;
/** What comes before it on a node counts towards the 4096 bytes that Linux takes. */
const PATH_MAX_BYTES = 1024;
const DEPTH_MAX = 32;
/** What a terminal obeys, and NUL. */
const CONTROL = /\p{Cc}/u;
/** What the decoder puts in the place of bytes that are no UTF-8. */
const NOT_UTF8 = "\uFFFD";

/**
 * The names that lead to an entry, from the archive's own root on; none for that root itself.
 *
 * Whatever comes out leads down: no name is empty, `.` or `..`.
 *
 * @param what - of which archive, for the message
 * @throws NodeError `INVALID_PACKAGE` naming the entry
 */
export function parseEntryPath(text: string, kind: "file" | "directory", what: string): readonly string[] {
  const refuse = (why: string) => invalidPackage(what, why, text);
  if (text.startsWith("/")) {
    throw refuse("is absolute");
  }
  if (Buffer.byteLength(text) > PATH_MAX_BYTES) {
    throw refuse(`is longer than ${PATH_MAX_BYTES} bytes`);
  }
  // As `tar c .` writes them: `./`, `./a`.
  const relative = text === "." ? "" : text.replace(/^\.\//, "");
  const path = kind === "directory" ? relative.replace(/\/$/, "") : relative;
  if (path === "" && kind === "directory" && text !== "") {
    return [];
  }
  const names = path.split("/");
  for (const name of names) {
    const why = whyNoName(name);
    if (why !== undefined) {
      throw refuse(why);
    }
  }
  if (names.length > DEPTH_MAX) {
    throw refuse(`lies more than ${DEPTH_MAX} directories deep`);
  }
  return names;
}

function whyNoName(name: string): string | undefined {
  if (name === "") {
    return "has an empty name in it";
  }
  if (name === "." || name === "..") {
    return `has ${name} in it`;
  }
  if (CONTROL.test(name)) {
    return "has a control character in it";
  }
  if (name.includes(NOT_UTF8)) {
    return "is not UTF-8";
  }
  return Buffer.byteLength(name) > NAME_MAX_BYTES ? `has a name of more than ${NAME_MAX_BYTES} bytes` : undefined;
}
