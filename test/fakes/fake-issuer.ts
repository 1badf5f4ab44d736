import { createPublicKey, type KeyObject, sign } from "node:crypto";
import {
  assembleCertificate,
  Certificate,
  CertificateRequest,
  caSubject,
  caTbs,
  encodeSpki,
  generateKey,
  issuerInfoOf,
  randomSerial,
  signBytes,
  svidTbs,
} from "../../certs/index.ts";
import type { Random } from "../../runtime/core/index.ts";
import { encodeJwtSvid, joinJws, SpiffeBundle, type SpiffeId, type TrustDomain } from "../../spiffe/index.ts";

interface Authority {
  readonly key: KeyObject;
  readonly certificate: Certificate;
  readonly jwtKeyId: string;
}

/** A real CA in memory: what it signs is what the product's templates make. */
export class FakeIssuer {
  readonly trustDomain: TrustDomain;
  readonly #random: Random;
  #authorities: readonly Authority[];

  private constructor(trustDomain: TrustDomain, random: Random, first: Authority) {
    this.trustDomain = trustDomain;
    this.#random = random;
    this.#authorities = [first];
  }

  static async create(trustDomain: TrustDomain, random: Random, nowMs: number): Promise<FakeIssuer> {
    return new FakeIssuer(trustDomain, random, await makeAuthority(trustDomain, random, nowMs, "jwt-1"));
  }

  /** A new authority signs from now on; the old ones stay in the bundle. */
  async rotate(nowMs: number): Promise<void> {
    const jwtKeyId = `jwt-${this.#authorities.length + 1}`;
    this.#authorities = [await makeAuthority(this.trustDomain, this.#random, nowMs, jwtKeyId), ...this.#authorities];
  }

  get authorityId(): string {
    return this.#active.certificate.subjectKeyId ?? "";
  }

  get jwtAuthorityId(): string {
    return this.#active.jwtKeyId;
  }

  bundle(): SpiffeBundle {
    return SpiffeBundle.of(this.trustDomain, {
      x509Authorities: this.#authorities.map(({ certificate }) => ({ certificate })),
      jwtAuthorities: this.#authorities.map(({ key, jwtKeyId }) => ({
        keyId: jwtKeyId,
        spkiDer: encodeSpki(createPublicKey(key)),
        expiresAt: 0,
        tainted: false,
      })),
    });
  }

  /** Throws when the CSR is not signed by its key. */
  x509(csrDer: Uint8Array, id: SpiffeId, dnsSans: readonly string[], nowMs: number, ttlSeconds: number): Certificate {
    const csr = CertificateRequest.parse(csrDer);
    if (!csr.hasValidSignature()) throw new Error("the CSR's signature is wrong");
    return this.x509For(csr.spkiDer, id, dnsSans, nowMs, ttlSeconds);
  }

  x509For(
    spkiDer: Uint8Array,
    id: SpiffeId,
    dnsSans: readonly string[],
    nowMs: number,
    ttlSeconds: number,
  ): Certificate {
    const { certificate, key } = this.#active;
    const tbs = svidTbs({
      issuer: issuerInfoOf(certificate),
      serial: randomSerial(this.#random.bytes(16)),
      notBeforeMs: nowMs - Math.min(10_000, (ttlSeconds * 1000) / 4),
      notAfterMs: nowMs + ttlSeconds * 1000,
      spkiDer,
      uri: id.toString(),
      dnsSans,
    });
    return Certificate.parse(assembleCertificate(tbs, "ES256", signBytes("ES256", tbs, key)));
  }

  jwt(id: SpiffeId, audience: readonly string[], iat: number, exp: number): string {
    const { key, jwtKeyId } = this.#active;
    const input = encodeJwtSvid({ alg: "ES256", kid: jwtKeyId, claims: { sub: id, aud: audience, exp, iat } });
    return joinJws(input, sign("sha256", Buffer.from(input), { key, dsaEncoding: "ieee-p1363" }));
  }

  get #active(): Authority {
    const active = this.#authorities[0];
    if (active === undefined) throw new Error("no authority");
    return active;
  }
}

async function makeAuthority(
  trustDomain: TrustDomain,
  random: Random,
  nowMs: number,
  jwtKeyId: string,
): Promise<Authority> {
  const key = await generateKey("ec-p256");
  const tbs = caTbs({
    serial: randomSerial(random.bytes(16)),
    notBeforeMs: nowMs - 10_000,
    notAfterMs: nowMs + 400 * 86_400_000,
    spkiDer: encodeSpki(createPublicKey(key)),
    uri: trustDomain.idString,
    subject: caSubject,
    signatureAlgorithm: "ES256",
  });
  return {
    key,
    jwtKeyId,
    certificate: Certificate.parse(assembleCertificate(tbs, "ES256", signBytes("ES256", tbs, key))),
  };
}
