import { serverErrors } from "../errors.ts";

/** NotBefore lies so many seconds back, for verifiers whose clocks are behind: 10, or a quarter of a short life. */
export function backdateSeconds(ttl: number): number {
  return Math.min(10, Math.floor(ttl / 4));
}

export interface LifetimeLimits {
  /** Seconds asked for; 0 = `defaultTtl`. */
  readonly ttl: number;
  readonly defaultTtl: number;
  /** Seconds; the longest life this server gives. */
  readonly maxTtl: number;
  /** Unix seconds; the signing authority's end. */
  readonly issuerNotAfter: number;
  /** Unix seconds the SVID may not outlive; 0 = none. */
  readonly notAfterCap: number;
}

export interface Lifetime {
  /** Unix seconds. */
  readonly notBefore: number;
  /** Unix seconds. */
  readonly notAfter: number;
}

/**
 * The life of an SVID issued at `nowMs`: what was asked for, cut by everything that limits it. The end is never
 * later than any limit.
 * @throws ERR_SVID_LIFETIME when a limit leaves less than a second
 */
export function lifetime(limits: LifetimeLimits, nowMs: number): Lifetime {
  const now = Math.floor(nowMs / 1000);
  const ttl = Math.floor(Math.min(limits.ttl > 0 ? limits.ttl : limits.defaultTtl, limits.maxTtl));
  const cap = limits.notAfterCap > 0 ? limits.notAfterCap : Number.POSITIVE_INFINITY;
  const end = Math.floor(Math.min(limits.issuerNotAfter, cap));
  if (ttl < 1 || end * 1000 - nowMs < 1000) {
    throw serverErrors.error("ERR_SVID_LIFETIME", "less than a second of life is left for this SVID");
  }
  const notAfter = Math.min(now + ttl, end);
  return { notBefore: now - backdateSeconds(notAfter - now), notAfter };
}
