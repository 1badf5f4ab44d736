import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import {
  assembleCertificate,
  Certificate,
  caSubject,
  caTbs,
  encodePkcs8,
  encodeSpki,
  issuerInfoOf,
  randomSerial,
  signBytes,
  svidTbs,
} from "../../certs/index.ts";
import { type Random, systemRandom } from "../../runtime/core/index.ts";
import { encodeJwtSvid, joinJws, SpiffeBundle, type SpiffeId, type TrustDomain } from "../../spiffe/index.ts";

export interface TestX509Svid {
  readonly chainDer: Uint8Array;
  readonly keyDer: Uint8Array;
  readonly certificate: Certificate;
}

export interface Lifetime {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** An authority of one trust domain, real keys and real signatures, for tests of what consumes SVIDs and bundles. */
export class TestAuthority {
  readonly trustDomain: TrustDomain;
  readonly certificate: Certificate;
  readonly jwtKeyId: string;
  readonly #key: KeyObject;
  readonly #jwtKey: KeyObject;
  readonly #random: Random;

  constructor(trustDomain: TrustDomain, lifetime: Lifetime, random: Random = systemRandom) {
    this.trustDomain = trustDomain;
    this.#random = random;
    this.#key = newKey();
    this.#jwtKey = newKey();
    this.jwtKeyId = Buffer.from(random.bytes(12)).toString("base64url");
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

  bundle(parts: { readonly x509?: boolean; readonly jwt?: boolean; readonly others?: readonly TestAuthority[] } = {}) {
    const all = [this, ...(parts.others ?? [])];
    return SpiffeBundle.of(this.trustDomain, {
      x509Authorities: parts.x509 === false ? [] : all.map(({ certificate }) => ({ certificate })),
      jwtAuthorities: parts.jwt === false ? [] : all.map((authority) => authority.jwtAuthority()),
    });
  }

  jwtAuthority(): { readonly keyId: string; readonly spkiDer: Uint8Array } {
    return { keyId: this.jwtKeyId, spkiDer: encodeSpki(this.#jwtKey) };
  }

  x509Svid(id: SpiffeId, lifetime: Lifetime, dnsSans: readonly string[] = []): TestX509Svid {
    const key = newKey();
    const tbs = svidTbs({
      issuer: issuerInfoOf(this.certificate),
      serial: this.#serial(),
      ...lifetime,
      spkiDer: encodeSpki(key),
      uri: id.toString(),
      dnsSans,
    });
    const chainDer = assembleCertificate(tbs, "ES256", signBytes("ES256", tbs, this.#key));
    return { chainDer, keyDer: encodePkcs8(key), certificate: Certificate.parse(chainDer) };
  }

  /** Times in seconds. */
  jwtSvid(id: SpiffeId, audience: readonly string[], issuedAt: number, expiresAt: number): string {
    const claims = { sub: id, aud: audience, iat: issuedAt, exp: expiresAt };
    return this.signJws(encodeJwtSvid({ alg: "ES256", kid: this.jwtKeyId, claims }));
  }

  /** Any payload under this authority's JWT key: for tokens that no issuer of ours would make. */
  jws(payload: unknown, header: object = { alg: "ES256", kid: this.jwtKeyId, typ: "JWT" }): string {
    const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString("base64url");
    return this.signJws(`${encode(header)}.${encode(payload)}`);
  }

  signJws(signingInput: string): string {
    const key = { key: this.#jwtKey, dsaEncoding: "ieee-p1363" } as const;
    return joinJws(signingInput, sign("sha256", Buffer.from(signingInput), key));
  }

  #serial(): Uint8Array {
    return randomSerial(this.#random.bytes(16));
  }
}

function newKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}
