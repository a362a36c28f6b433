/** An entry of an archive, whatever it says of itself. */
export interface TarPart {
  readonly name: string;
  /** The type flag; `0`, a regular file, unless given. */
  readonly type?: string;
  /** 0644 unless given. */
  readonly mode?: number;
  readonly content?: string | Uint8Array;
  readonly linkname?: string;
  /** What the header claims, when it is not the length of the content. */
  readonly sizeBytes?: number;
  /** Changes the header before its checksum is made. */
  readonly raw?: (header: Buffer) => void;
}

const BLOCK_BYTES = 512;

/** An archive in the ustar format, made by hand so that it can be a hostile one; ends with two blocks of zeros. */
export function tarOf(...parts: readonly TarPart[]): Buffer {
  return Buffer.concat([...parts.flatMap(partBlocks), Buffer.alloc(2 * BLOCK_BYTES)]);
}

/** What gives the next entry attributes in the pax format, `path` and `size` among them; with `type` `g` all that follow. */
export function paxOf(attributes: Readonly<Record<string, string>>, type = "x"): TarPart {
  const records = Object.entries(attributes).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    let length = Buffer.byteLength(rest);
    while (length !== Buffer.byteLength(`${length}${rest}`)) {
      length = Buffer.byteLength(`${length}${rest}`);
    }
    return `${length}${rest}`;
  });
  return { name: "attributes", type, content: records.join("") };
}

function partBlocks({
  name,
  type = "0",
  mode = 0o644,
  content = "",
  linkname = "",
  sizeBytes,
  raw,
}: TarPart): Buffer[] {
  const bytes = Buffer.from(content);
  const header = Buffer.alloc(BLOCK_BYTES);
  header.write(name, 0, 100);
  octal(header, mode, 100, 8);
  octal(header, 0, 108, 8);
  octal(header, 0, 116, 8);
  octal(header, sizeBytes ?? bytes.length, 124, 12);
  octal(header, 0, 136, 12);
  header.write(type, 156);
  header.write(linkname, 157, 100);
  header.write("ustar\u000000", 257, "latin1");
  raw?.(header);
  header.fill(" ", 148, 156);
  octal(
    header,
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    8,
  );
  return [header, bytes, Buffer.alloc(-bytes.length & (BLOCK_BYTES - 1))];
}

function octal(header: Buffer, value: number, at: number, length: number): void {
  header.write(value.toString(8).padStart(length - 1, "0"), at, length - 1);
}
