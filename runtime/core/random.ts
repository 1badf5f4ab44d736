import { randomBytes } from "node:crypto";

/** Randomness as a parameter. Key generation is not covered: private keys always come from OpenSSL. */
export interface Random {
  /** `length` cryptographically strong bytes. */
  bytes(length: number): Uint8Array;
  /** Uniform in [0, 1). For jitter, never for secrets. */
  float(): number;
}

export const systemRandom: Random = {
  bytes: (length) => randomBytes(length),
  float: () => randomBytes(4).readUInt32BE() / 2 ** 32,
};

/** UUIDv7 (RFC 9562 §5.7): 48 bits of `nowMs`, then 74 random bits; sorts by creation time. */
export function uuidV7(nowMs: number, random: Random): string {
  const bytes = Buffer.from(random.bytes(16));
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
