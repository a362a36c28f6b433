import { NodeError } from "@nodemanager/core";

// The limit of every file system in common use, in bytes.
const FILE_NAME_MAX = 255;

/**
 * The file name for a text: every byte of its UTF-8 that is not an unreserved character of RFC 3986 (`A-Z a-z 0-9 - . _ ~`)
 * becomes `%` and two upper-case hexadecimal digits, and so does a leading dot. Any tool and any file system copies such a
 * name unchanged, and no text becomes `..` or a hidden file.
 *
 * @param suffix - what follows the name, as in `.json`
 * @throws NodeError `INVALID_NAME` when the text is empty, is not Unicode, or its file name would be too long
 */
export function encodeFileName(text: string, suffix: string = ""): string {
  if (text === "" || !text.isWellFormed()) {
    throw new NodeError("INVALID_NAME", `${JSON.stringify(text)} cannot be the name of a file`);
  }
  const name = encodeURIComponent(text)
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/^\./, "%2E");
  const bytes = name.length + suffix.length;
  if (bytes > FILE_NAME_MAX) {
    throw new NodeError(
      "INVALID_NAME",
      `${JSON.stringify(text)} is too long for the name of a file: it takes ${bytes} bytes there, ${FILE_NAME_MAX} are possible`,
      { metadata: { bytes: String(bytes), limitBytes: String(FILE_NAME_MAX) } },
    );
  }
  return `${name}${suffix}`;
}

/** The text of a file name, or `undefined` when {@link encodeFileName} makes no such name. */
export function decodeFileName(name: string, suffix: string = ""): string | undefined {
  if (!name.endsWith(suffix)) {
    return undefined;
  }
  try {
    const text = decodeURIComponent(name.slice(0, name.length - suffix.length));
    return encodeFileName(text, suffix) === name ? text : undefined;
  } catch {
    // Not an encoding of ours: somebody else's file.
    return undefined;
  }
}
