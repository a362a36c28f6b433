/**
 * Encodes a protobuf message that has one field of type `bytes` and nothing else. The chunk is copied once.
 *
 * @param field - its number, below 16
 */
export function encodeBytesMessage(field: number, chunk: Uint8Array): Buffer {
  const message = Buffer.allocUnsafeSlow(1 + varintBytes(chunk.length) + chunk.length);
  let at = 0;
  message[at++] = (field << 3) | 2;
  let length = chunk.length;
  while (length > 0x7f) {
    message[at++] = (length & 0x7f) | 0x80;
    length >>>= 7;
  }
  message[at++] = length;
  message.set(chunk, at);
  return message;
}

/**
 * Decodes what {@link encodeBytesMessage} encodes, without copying it.
 *
 * @returns nothing when the message has another form, which may be as right; the generated code says
 */
export function decodeBytesMessage(field: number, message: Uint8Array): Buffer | undefined {
  if (message[0] !== ((field << 3) | 2)) {
    return undefined;
  }
  let length = 0;
  for (let at = 1; at <= 4; at++) {
    const byte = message[at];
    if (byte === undefined) {
      return undefined;
    }
    length |= (byte & 0x7f) << (7 * (at - 1));
    if (byte < 0x80) {
      const start = at + 1;
      return start + length === message.length
        ? Buffer.from(message.buffer, message.byteOffset + start, length)
        : undefined;
    }
  }
  return undefined;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) {
    bytes++;
  }
  return bytes;
}
