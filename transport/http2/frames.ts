/** RFC 9113 §4.1 and §6: what frames look like. */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flag = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const headBytes = 9;

/** The largest payload that a peer must take, and that we take: we never ask for more (§4.2). */
export const maxPayloadBytes = 16_384;

/** §3.4. */
export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** Writes the head of a frame into `target`; returns where its payload begins. */
export function writeHead(
  target: Buffer,
  at: number,
  payloadBytes: number,
  type: number,
  flags: number,
  streamId: number,
): number {
  target[at] = payloadBytes >>> 16;
  target[at + 1] = payloadBytes >>> 8;
  target[at + 2] = payloadBytes;
  target[at + 3] = type;
  target[at + 4] = flags;
  return writeUint32(target, at + 5, streamId);
}

function writeUint32(target: Buffer, at: number, value: number): number {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
  return at + 4;
}

/** 31 bits: the highest one is reserved (§4.1, §6.9). */
export function readUint31(bytes: Buffer, at: number): number {
  return readUint32(bytes, at) & 0x7fffffff;
}

export function readUint32(bytes: Buffer, at: number): number {
  const low = ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
  return (bytes[at] ?? 0) * 0x1000000 + low;
}

/** A frame whose payload is copied. */
export function frame(type: number, flags: number, streamId: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(headBytes + payload.length);
  bytes.set(payload, writeHead(bytes, 0, payload.length, type, flags, streamId));
  return bytes;
}

/** Of RST_STREAM and WINDOW_UPDATE: one number. */
export function numberFrame(type: number, streamId: number, value: number): Buffer {
  const bytes = Buffer.allocUnsafe(headBytes + 4);
  writeUint32(bytes, writeHead(bytes, 0, 4, type, 0, streamId), value);
  return bytes;
}

export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const bytes = Buffer.allocUnsafe(headBytes + 6 * settings.length);
  let at = writeHead(bytes, 0, 6 * settings.length, frameType.settings, 0, 0);
  for (const [id, value] of settings) {
    bytes[at] = id >>> 8;
    bytes[at + 1] = id;
    at = writeUint32(bytes, at + 2, value);
  }
  return bytes;
}

/** `reason` is for the peer's log (§6.8); ASCII. */
export function goawayFrame(lastStreamId: number, code: number, reason = ""): Buffer {
  const payload = 8 + reason.length;
  const bytes = Buffer.allocUnsafe(headBytes + payload);
  const at = writeUint32(bytes, writeHead(bytes, 0, payload, frameType.goaway, 0, 0), lastStreamId);
  bytes.write(reason, writeUint32(bytes, at, code), "latin1");
  return bytes;
}

/** How many bytes `block` takes as HEADERS and as many CONTINUATION as it needs. */
export function headersBytes(block: Uint8Array): number {
  return block.length + headBytes * Math.max(1, Math.ceil(block.length / maxPayloadBytes));
}

/** Writes `block` as HEADERS and CONTINUATION; returns where they end. */
export function writeHeaders(
  target: Buffer,
  at: number,
  streamId: number,
  block: Uint8Array,
  endsStream: boolean,
): number {
  let next = at;
  let type: number = frameType.headers;
  let from = 0;
  do {
    const part = Math.min(maxPayloadBytes, block.length - from);
    const isLast = from + part === block.length;
    const flags = (isLast ? flag.endHeaders : 0) | (endsStream && from === 0 ? flag.endStream : 0);
    next = writeHead(target, next, part, type, flags, streamId);
    target.set(part === block.length ? block : block.subarray(from, from + part), next);
    next += part;
    from += part;
    type = frameType.continuation;
  } while (from < block.length);
  return next;
}

/** Where a payload begins and ends without its padding, in this order; `undefined`: there is more padding than payload. */
export function withoutPadding(
  flags: number,
  bytes: Buffer,
  from: number,
  end: number,
): readonly [from: number, end: number] | undefined {
  if ((flags & flag.padded) === 0) return [from, end];
  const start = from + 1;
  const stop = end - (bytes[from] ?? 0);
  return start > end || stop < start ? undefined : [start, stop];
}
