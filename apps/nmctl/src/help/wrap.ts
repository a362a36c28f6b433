/**
 * The text in lines of at most so many characters, broken at spaces; a longer word gets a line of its own.
 *
 * @param hanging - before every line but the first
 */
export function wrapped(text: string, width: number, hanging: string = ""): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = hanging + word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return line === "" ? lines : [...lines, line];
}
