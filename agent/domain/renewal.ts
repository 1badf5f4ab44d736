import { createHash } from "node:crypto";

/** What of an SVID decides when it is renewed. Times are Unix milliseconds. */
export interface SvidLife {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** When it came, if that is known. */
  readonly receivedAtMs?: number;
}

/** Issuers set notBefore back by min(10 s, life / 4) against clock skew (design §4 Authority). */
const longestBackdateMs = 10_000;
const backdateShare = 1 / 4;

/** Renewal happens when this share of the real life is over, give or take half of `spread`. */
const renewalShare = 0.5;
const spread = 0.1;
/**
 * At least this share of what was left on arrival goes by before: SPIRE sets every `notBefore` back by 10 s, which
 * makes an SVID of a few seconds look spent, and a loop of renewals would follow.
 */
const leastShare = 1 / 3;

/**
 * When the SVID really began: `notBefore` without the issuer's backdating. Counting from `notBefore` itself would
 * make an SVID of a few seconds look half spent on arrival, and renew for ever.
 */
export function issuedAtMs(life: SvidLife): number {
  const total = Math.max(0, life.notAfterMs - life.notBeforeMs);
  const longLife = total - longestBackdateMs;
  const isLong = longLife * backdateShare >= longestBackdateMs;
  const realLife = isLong ? longLife : total / (1 + backdateShare);
  return life.notAfterMs - realLife;
}

/**
 * When to renew: at half of the real life, moved by at most 5 % of it by `offset`. Never before `notBefore`, always
 * before `notAfter` (for a life of at least 1 ms), monotone in both ends and in `offset`.
 *
 * @param offset in [0, 1), fixed for the SVID (`renewalOffset`)
 */
export function renewAtMs(life: SvidLife, offset: number): number {
  const begin = issuedAtMs(life);
  const usual = begin + (life.notAfterMs - begin) * (renewalShare + spread * (offset - 0.5));
  const { receivedAtMs, notAfterMs } = life;
  if (receivedAtMs === undefined || receivedAtMs >= notAfterMs) return usual;
  return Math.max(usual, receivedAtMs + (notAfterMs - receivedAtMs) * leastShare);
}

/**
 * A number in [0, 1) that spreads renewals of SVIDs that were issued together. It depends only on what names the
 * SVID, so asking again, or after a restart, gives the same answer: redrawing would move every renewal to the front.
 */
export function renewalOffset(name: string, serialNumber: string): number {
  const digest = createHash("sha256").update(`${name}\0${serialNumber}`).digest();
  return digest.readUInt32BE() / 2 ** 32;
}
