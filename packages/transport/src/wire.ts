/** A field of a serialised message; `bytes` is empty unless it is length-delimited. */
export interface WireField {
  readonly number: number;
  readonly bytes: Uint8Array;
}

const EMPTY = new Uint8Array();

/**
 * The fields of a serialised protocol buffer, in order, without a schema. Made for descriptors, which we generate
 * ourselves; it saves the resident daemon a whole reflection library.
 *
 * @throws RangeError when the bytes are not a message
 */
export function fields(message: Uint8Array): WireField[] {
  const result: WireField[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++];
      if (byte === undefined) {
        throw new RangeError("truncated message");
      }
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        return value;
      }
    }
  };
  while (at < message.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    let bytes: Uint8Array = EMPTY;
    switch (tag % 8) {
      case 0:
        varint();
        break;
      case 1:
        at += 8;
        break;
      case 2: {
        const length = varint();
        bytes = message.subarray(at, at + length);
        at += length;
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        throw new RangeError(`unknown wire type ${tag % 8}`);
    }
    if (at > message.length) {
      throw new RangeError("truncated message");
    }
    result.push({ number, bytes });
  }
  return result;
}

/** The text in a length-delimited field. */
export function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}
