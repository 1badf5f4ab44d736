/**
 * gRPC for Java names the socket's path as the `:authority` of its calls over a Unix socket. That is no authority (RFC 3986
 * §3.2 knows no slash in one), and the HTTP/2 that Node brings resets such calls before anybody hears of them. The name
 * plays no part here, so the path is rewritten in the header block it comes in, in place and to the same length: from then
 * on the client refers to it by number (RFC 7541 §2.3.2).
 */

const headerField = { authority: 1 } as const;
const slash = 0x2f;
const dash = 0x2d;

/** Makes a path that `block` (HPACK) spells out as `:authority` a legal one. Leaves everything else as it is. */
export function mendPathAuthority(block: Uint8Array): void {
  for (let at = 0; at < block.length; ) {
    const first = block[at] ?? 0;
    // Indexed fields and table sizes have nothing but a number.
    if (first >= 0x80) at = integer(block, at, 7).end;
    else if ((first & 0xe0) === 0x20) at = integer(block, at, 5).end;
    else {
      const name = integer(block, at, first >= 0x40 ? 6 : 4);
      const value = string(block, name.value === 0 ? string(block, name.end).end : name.end);
      if (name.value === headerField.authority && !value.isHuffman) mendPath(block.subarray(value.start, value.end));
      at = value.end;
    }
  }
}

function mendPath(value: Uint8Array): void {
  if (value[0] !== slash) return;
  value.forEach((byte, index) => {
    if (!isUnreserved(byte)) value[index] = dash;
  });
}

/** RFC 3986 §2.3. */
function isUnreserved(byte: number): boolean {
  return /[\w.~-]/.test(String.fromCharCode(byte));
}

/** RFC 7541 §5.1. A number that does not end ends the block. */
function integer(
  block: Uint8Array,
  from: number,
  prefixBits: number,
): { readonly value: number; readonly end: number } {
  const most = 2 ** prefixBits - 1;
  let value = (block[from] ?? 0) & most;
  let at = from + 1;
  if (value < most) return { value, end: at };
  for (let scale = 1; at < block.length; scale *= 128) {
    const byte = block[at] ?? 0;
    at += 1;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
  }
  return { value, end: at };
}

/** RFC 7541 §5.2. */
function string(
  block: Uint8Array,
  from: number,
): { readonly isHuffman: boolean; readonly start: number; readonly end: number } {
  const { value, end } = integer(block, from, 7);
  return { isHuffman: ((block[from] ?? 0) & 0x80) !== 0, start: end, end: end + value };
}
