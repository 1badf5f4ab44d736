const headerLength = 4;
/** CLIENT_SSL of the capability flags, in their second byte. */
const sslBit = 0x08;
const sslRequestLength = 32;

/** A whole packet of MySQL's protocol: 3 bytes of length, the sequence number, the payload. */
export interface MysqlPacket {
  readonly sequence: number;
  readonly payload: Buffer;
}

/** What the first packet's header says; 0 while it is not all there. */
export function payloadLength(bytes: Buffer): number {
  return bytes.length < headerLength ? 0 : bytes.readUIntLE(0, 3);
}

/** The first packet of what has come so far; `undefined`: it is not all there. */
export function firstPacket(bytes: Buffer): MysqlPacket | undefined {
  if (bytes.length < headerLength) return undefined;
  const end = headerLength + payloadLength(bytes);
  return bytes.length < end ? undefined : { sequence: bytes.readUInt8(3), payload: bytes.subarray(headerLength, end) };
}

export function encodePacket({ sequence, payload }: MysqlPacket): Buffer {
  const header = Buffer.alloc(headerLength);
  header.writeUIntLE(payload.length, 0, 3);
  header.writeUInt8(sequence, 3);
  return Buffer.concat([header, payload]);
}

/** Whether a greeting (protocol 10: version, string with NUL, 4 + 8 + 1 bytes, capability flags) offers TLS. */
export function offersTls(greeting: Buffer): boolean {
  const flags = greeting.indexOf(0, 1) + 1 + 13;
  return greeting[0] === 10 && flags + 1 < greeting.length && (greeting.readUInt8(flags + 1) & sslBit) !== 0;
}

/** Whether the library begins TLS by itself. */
export function isSslRequest({ payload }: MysqlPacket): boolean {
  return payload.length <= sslRequestLength;
}

/**
 * What a client without TLS says first, made into what one with TLS says: the request for TLS, which is its head with
 * CLIENT_SSL set and names no user, and after it the whole.
 */
export function splitForTls({ sequence, payload }: MysqlPacket): {
  readonly request: Buffer;
  readonly response: Buffer;
} {
  const whole = Buffer.from(payload);
  whole.writeUInt8(whole.readUInt8(1) | sslBit, 1);
  return {
    request: encodePacket({ sequence, payload: whole.subarray(0, sslRequestLength) }),
    response: encodePacket({ sequence: sequence + 1, payload: whole }),
  };
}

/** Adds to the sequence numbers of a stream of packets, which may come in pieces. */
export class Renumbering {
  readonly #by: number;
  readonly #onPacket: (firstByte: number) => void;
  /** Bytes of the current packet's header that were seen, and of its payload that are to come. */
  #header = 0;
  #length = 0;
  #isFirst = false;

  /** @param onPacket hears the first byte of each payload */
  constructor(by: number, onPacket: (firstByte: number) => void = () => {}) {
    this.#by = by;
    this.#onPacket = onPacket;
  }

  /** @returns a copy */
  next(chunk: Buffer): Buffer {
    const bytes = Buffer.from(chunk);
    for (let at = 0; at < bytes.length; )
      at = this.#header < headerLength ? this.#head(bytes, at) : this.#body(bytes, at);
    return bytes;
  }

  #head(bytes: Buffer, at: number): number {
    const byte = bytes.readUInt8(at);
    if (this.#header === 0) this.#length = 0;
    if (this.#header < 3) this.#length += byte * 256 ** this.#header;
    else bytes.writeUInt8((byte + this.#by + 256) % 256, at);
    this.#header += 1;
    this.#isFirst = true;
    if (this.#header === headerLength && this.#length === 0) this.#header = 0;
    return at + 1;
  }

  #body(bytes: Buffer, at: number): number {
    if (this.#isFirst) this.#onPacket(bytes.readUInt8(at));
    this.#isFirst = false;
    const taken = Math.min(this.#length, bytes.length - at);
    this.#length -= taken;
    if (this.#length === 0) this.#header = 0;
    return at + taken;
  }
}
