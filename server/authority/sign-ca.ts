import {
  assembleCertificate,
  type Certificate,
  caTbs,
  type DistinguishedName,
  issuerInfoOf,
  randomSerial,
} from "../../certs/index.ts";
import type { Clock, Random } from "../../runtime/core/index.ts";
import type { TrustDomain } from "../../spiffe/index.ts";
import { lifetime } from "../issuance/lifetime.ts";

export interface CaBelowRequest {
  readonly issuer: Certificate;
  /** With the issuer's key. */
  readonly sign: (tbs: Uint8Array) => Promise<Uint8Array>;
  readonly trustDomain: TrustDomain;
  readonly subject: DistinguishedName;
  readonly spkiDer: Uint8Array;
  /** Seconds; 0 = `defaultTtl`. */
  readonly ttl: number;
  readonly defaultTtl: number;
  /** Unix seconds; no later than the issuer and all that is above it. */
  readonly issuerNotAfter: number;
  readonly clock: Clock;
  readonly random: Random;
  /** What a path length that is used up means here. */
  readonly noRoom: () => Error;
}

export interface CaBelow {
  readonly der: Uint8Array;
  /** Unix seconds. */
  readonly notAfter: number;
}

/** A CA certificate of the trust domain under `issuer`, which it never outlives. @throws ERR_SVID_LIFETIME, `noRoom` */
export async function signCaBelow(request: CaBelowRequest): Promise<CaBelow> {
  const { issuer, clock, random, ttl, defaultTtl, issuerNotAfter } = request;
  const pathLength = pathLengthBelow(issuer, request.noRoom);
  const maxTtl = Number.MAX_SAFE_INTEGER;
  const life = lifetime({ ttl, defaultTtl, maxTtl, issuerNotAfter, notAfterCap: 0 }, clock.now());
  const info = issuerInfoOf(issuer);
  const tbs = caTbs({
    issuer: info,
    serial: randomSerial(random.bytes(16)),
    notBeforeMs: life.notBefore * 1000,
    notAfterMs: life.notAfter * 1000,
    spkiDer: request.spkiDer,
    uri: request.trustDomain.idString,
    subject: request.subject,
    signatureAlgorithm: info.signatureAlgorithm,
    pathLength,
  });
  return { der: assembleCertificate(tbs, info.signatureAlgorithm, await request.sign(tbs)), notAfter: life.notAfter };
}

/** RFC 5280 §4.2.1.9: a CA below one that allows `n` more may itself allow `n - 1`. */
function pathLengthBelow({ pathLength }: Certificate, noRoom: () => Error): number | undefined {
  if (pathLength === undefined) return undefined;
  if (pathLength > 0) return pathLength - 1;
  throw noRoom();
}
