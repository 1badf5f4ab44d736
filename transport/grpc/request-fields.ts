/**
 * Whether a protobuf message has more than `most` fields at its top level. Looks at no more than that many of them and
 * builds nothing: a list item of two bytes becomes an object a hundred times its size when it is decoded.
 */
export function hasMoreFields(message: Uint8Array, most: number): boolean {
  let at = 0;
  for (let fields = 0; at < message.length; fields += 1) {
    if (fields === most) return true;
    const tag = varint(message, at);
    at = afterField(message, tag.end, tag.value & 7);
  }
  return false;
}

/** Where the next field begins; the end of the message when this one is broken, which the decoder will say. */
function afterField(message: Uint8Array, at: number, wireType: number): number {
  switch (wireType) {
    case 0:
      return varint(message, at).end;
    case 1:
      return at + 8;
    case 2: {
      const length = varint(message, at);
      return length.end + length.value;
    }
    case 3:
    case 4:
      // Groups: their fields follow and are counted like others.
      return at;
    case 5:
      return at + 4;
    default:
      return message.length;
  }
}

/** The value is right as far as lengths go; longer numbers only have to be passed over. */
function varint(message: Uint8Array, from: number): { readonly value: number; readonly end: number } {
  let value = 0;
  let at = from;
  for (let scale = 1; at < message.length; scale *= 128) {
    const byte = message[at] ?? 0;
    at += 1;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
  }
  return { value, end: at };
}
