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
} from "../../certs/index.ts";
import type { Clock, Random } from "../../runtime/core/index.ts";
import type { MintedX509Ca, UpstreamAuthority } from "../../server/authority/ports.ts";
import type { TrustDomain } from "../../spiffe/index.ts";

interface Root {
  readonly certificate: Certificate;
  readonly key: KeyObject;
}

/** A root above a server's CAs, which can be exchanged. Signs with the newest. */
export class FakeUpstream implements UpstreamAuthority {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #trustDomain: TrustDomain;
  #root: Root;

  constructor(trustDomain: TrustDomain, clock: Clock, random: Random) {
    this.#trustDomain = trustDomain;
    this.#clock = clock;
    this.#random = random;
    this.#root = this.#newRoot();
  }

  /** Lower-case hex. */
  get rootId(): string {
    return this.#root.certificate.subjectKeyId ?? "";
  }

  exchangeRoot(): void {
    this.#root = this.#newRoot();
  }

  async mintX509Ca({
    trustDomain,
    signer,
    subject,
    ttl,
  }: Parameters<UpstreamAuthority["mintX509Ca"]>[0]): Promise<MintedX509Ca> {
    const { certificate, key } = this.#root;
    const now = this.#clock.now();
    const tbs = caTbs({
      issuer: issuerInfoOf(certificate),
      serial: randomSerial(this.#random.bytes(16)),
      notBeforeMs: now - 10_000,
      notAfterMs: now + ttl * 1000,
      spkiDer: encodeSpki(signer.publicKey),
      uri: trustDomain.idString,
      subject,
      signatureAlgorithm: "ES256",
    });
    const own = assembleCertificate(tbs, "ES256", signBytes("ES256", tbs, key));
    return { chain: [own], anchors: [certificate.der], upstreamId: this.rootId };
  }

  #newRoot(): Root {
    const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    const tbs = caTbs({
      serial: randomSerial(this.#random.bytes(16)),
      notBeforeMs: this.#clock.now() - 60_000,
      notAfterMs: this.#clock.now() + 3650 * 86_400_000,
      spkiDer: encodeSpki(key),
      uri: this.#trustDomain.idString,
      subject: caSubject,
      signatureAlgorithm: "ES256",
    });
    return { certificate: Certificate.parse(assembleCertificate(tbs, "ES256", signBytes("ES256", tbs, key))), key };
  }
}
