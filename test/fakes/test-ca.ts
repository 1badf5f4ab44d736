import { createPublicKey, type KeyObject } from "node:crypto";
import {
  assembleCertificate,
  Certificate,
  caTbs,
  encodePkcs8,
  encodeSpki,
  generateKey,
  issuerInfoOf,
  randomSerial,
  signBytes,
  svidTbs,
} from "../../certs/index.ts";
import { systemRandom } from "../../runtime/core/index.ts";
import { SpiffeBundle, SpiffeId, TrustDomain, X509Svid } from "../../spiffe/index.ts";

export interface TestSvidOptions {
  readonly hint?: string;
  readonly dnsNames?: readonly string[];
  /** Milliseconds. */
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
}

/** A real CA of one trust domain for tests; what it issues verifies under `bundle`. */
export class TestCa {
  readonly trustDomain: TrustDomain;
  readonly certificate: Certificate;
  readonly #key: KeyObject;

  private constructor(trustDomain: TrustDomain, certificate: Certificate, key: KeyObject) {
    this.trustDomain = trustDomain;
    this.certificate = certificate;
    this.#key = key;
  }

  static async create(name: string, nowMs = Date.now()): Promise<TestCa> {
    const trustDomain = TrustDomain.parse(name);
    const key = await generateKey("ec-p256");
    const tbs = caTbs({
      serial: randomSerial(systemRandom.bytes(16)),
      notBeforeMs: nowMs - 10_000,
      notAfterMs: nowMs + 86_400_000,
      spkiDer: encodeSpki(createPublicKey(key)),
      uri: trustDomain.idString,
      subject: { country: "US", organization: "SPIFFE" },
      signatureAlgorithm: "ES256",
    });
    const der = assembleCertificate(tbs, "ES256", signBytes("ES256", tbs, key));
    return new TestCa(trustDomain, Certificate.parse(der), key);
  }

  get bundle(): SpiffeBundle {
    return SpiffeBundle.of(this.trustDomain, { x509Authorities: [{ certificate: this.certificate }] });
  }

  async issue(path: string, options: TestSvidOptions = {}): Promise<X509Svid> {
    const key = await generateKey("ec-p256");
    const {
      notBeforeMs = Date.now() - 10_000,
      notAfterMs = Date.now() + 3_600_000,
      hint = "",
      dnsNames = [],
    } = options;
    const tbs = svidTbs({
      issuer: issuerInfoOf(this.certificate),
      serial: randomSerial(systemRandom.bytes(16)),
      notBeforeMs,
      notAfterMs,
      spkiDer: encodeSpki(createPublicKey(key)),
      uri: SpiffeId.of(this.trustDomain, path).toString(),
      dnsSans: dnsNames,
    });
    const der = assembleCertificate(tbs, "ES256", signBytes("ES256", tbs, this.#key));
    return X509Svid.parse({ chainDer: [der], keyDer: encodePkcs8(key), hint });
  }
}
