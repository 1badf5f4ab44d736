import { generateKeyPairSync, type KeyObject } from "node:crypto";
import {
  assembleCertificate,
  Certificate,
  caSubject,
  caTbs,
  encodeSpki,
  issuerInfoOf,
  randomSerial,
  signBytes,
  svidTbs,
} from "../../certs/index.ts";
import type { Random } from "../../runtime/core/index.ts";
import type { SpiffeId, TrustDomain } from "../../spiffe/index.ts";

/** Milliseconds since 1970. */
export interface Lifetime {
  /** Milliseconds since 1970; from this instant … */
  readonly notBeforeMs: number;
  /** … to this one, inclusive. */
  readonly notAfterMs: number;
}

/** One self-signed X.509 authority of a trust domain: real keys and real signatures, ECDSA with P-256. */
export class SigningCa {
  readonly certificate: Certificate;
  readonly #key: KeyObject;
  readonly #random: Random;

  constructor(trustDomain: TrustDomain, lifetime: Lifetime, random: Random) {
    this.#key = newKey();
    this.#random = random;
    const tbs = caTbs({
      serial: this.#serial(),
      ...lifetime,
      spkiDer: encodeSpki(this.#key),
      uri: trustDomain.idString,
      subject: caSubject,
      signatureAlgorithm: "ES256",
    });
    this.certificate = Certificate.parse(assembleCertificate(tbs, "ES256", signBytes("ES256", tbs, this.#key)));
  }

  /** A leaf with a new key of its own. */
  issue(
    id: SpiffeId,
    lifetime: Lifetime,
    dnsSans: readonly string[] = [],
  ): { certificate: Certificate; key: KeyObject } {
    const key = newKey();
    const tbs = svidTbs({
      issuer: issuerInfoOf(this.certificate),
      serial: this.#serial(),
      ...lifetime,
      spkiDer: encodeSpki(key),
      uri: id.toString(),
      dnsSans,
    });
    const der = assembleCertificate(tbs, "ES256", signBytes("ES256", tbs, this.#key));
    return { certificate: Certificate.parse(der), key };
  }

  #serial(): Uint8Array {
    return randomSerial(this.#random.bytes(16));
  }
}

export function newKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}
