import { generateKeyPairSync, type KeyObject } from "node:crypto";
import {
  assembleCertificate,
  Certificate,
  caTbs,
  encodeSpki,
  issuerInfoOf,
  randomSerial,
  signBytes,
  svidTbs,
} from "../../certs/index.ts";
import { systemRandom } from "../../runtime/core/index.ts";
import { SpiffeBundle, TrustDomain, type VerifiedX509Svid, verifyX509Svid } from "../../spiffe/index.ts";
import type { TlsIdentity } from "../../transport/tls/index.ts";

const hourMs = 3_600_000;

function newKey(): { readonly key: KeyObject; readonly spkiDer: Uint8Array } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { key: privateKey, spkiDer: encodeSpki(publicKey) };
}

/** A CA of a trust domain for TLS tests; two of the same `serialNumber` have the same name and different keys. */
export class TestPki {
  readonly trustDomain: TrustDomain;
  readonly root: Certificate;
  readonly #key: KeyObject;
  readonly #intermediates: readonly Certificate[];

  private constructor(trustDomain: TrustDomain, root: Certificate, key: KeyObject, chain: readonly Certificate[]) {
    this.trustDomain = trustDomain;
    this.root = root;
    this.#key = key;
    this.#intermediates = chain;
  }

  static create(name: string, serialNumber = "1"): TestPki {
    const trustDomain = TrustDomain.parse(name);
    const { key, spkiDer } = newKey();
    const root = authority(trustDomain, spkiDer, key, serialNumber, undefined);
    return new TestPki(trustDomain, root, key, []);
  }

  /** Issues under an intermediate of its own; the root is the same. */
  intermediate(): TestPki {
    const { key, spkiDer } = newKey();
    const signer = { certificate: this.#intermediates[0] ?? this.root, key: this.#key };
    const certificate = authority(this.trustDomain, spkiDer, this.#key, `${this.#intermediates.length + 2}`, signer);
    return new TestPki(this.trustDomain, this.root, key, [certificate, ...this.#intermediates]);
  }

  issue(path: string, notAfterMs = Date.now() + hourMs): TlsIdentity {
    const { key, spkiDer } = newKey();
    const issuer = issuerInfoOf(this.#intermediates[0] ?? this.root);
    const tbs = svidTbs({
      issuer,
      serial: randomSerial(systemRandom.bytes(16)),
      notBeforeMs: notAfterMs - 2 * hourMs,
      notAfterMs,
      spkiDer,
      uri: this.trustDomain.idString + path,
    });
    const der = assembleCertificate(tbs, "ES256", signBytes("ES256", tbs, this.#key));
    return { chain: [der, ...this.#intermediates.map((certificate) => certificate.der)], key };
  }

  /** A certificate of nobody's: name and key are this root's, the issuer (so it says) is `other`. */
  crossSignedBy(other: TestPki): Certificate {
    const signer = { certificate: other.root };
    return authority(this.trustDomain, this.root.spkiDer, newKey().key, "1", signer);
  }

  /** Accepts clients (or servers) of this trust domain and no other. */
  readonly verify = (chain: readonly Certificate[]): VerifiedX509Svid => {
    const bundle = SpiffeBundle.of(this.trustDomain, { x509Authorities: [{ certificate: this.root }] });
    const bundles = { get: (domain: TrustDomain) => (domain.equals(this.trustDomain) ? bundle : undefined) };
    return verifyX509Svid({ chain, bundles, atMs: Date.now(), usage: "any" });
  };
}

function authority(
  trustDomain: TrustDomain,
  spkiDer: Uint8Array,
  signingKey: KeyObject,
  serialNumber: string,
  signer: { readonly certificate: Certificate } | undefined,
): Certificate {
  const tbs = caTbs({
    issuer: signer === undefined ? undefined : issuerInfoOf(signer.certificate),
    serial: randomSerial(systemRandom.bytes(16)),
    notBeforeMs: Date.now() - hourMs,
    notAfterMs: Date.now() + 24 * hourMs,
    spkiDer,
    uri: trustDomain.idString,
    subject: { country: "US", organization: "SPIFFE", serialNumber },
    signatureAlgorithm: "ES256",
  });
  return Certificate.parse(assembleCertificate(tbs, "ES256", signBytes("ES256", tbs, signingKey)));
}
