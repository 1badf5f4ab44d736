import { type Certificate, encodePkcs8 } from "../../certs/index.ts";
import { type Random, systemRandom } from "../../runtime/core/index.ts";
import { JwtSigner } from "../../sdk/testing/jwt-signer.ts";
import { type Lifetime, SigningCa } from "../../sdk/testing/signing-ca.ts";
import { SpiffeBundle, type SpiffeId, type TrustDomain } from "../../spiffe/index.ts";

export interface TestX509Svid {
  readonly chainDer: Uint8Array;
  readonly keyDer: Uint8Array;
  readonly certificate: Certificate;
}

/** The testing kit's X.509 and JWT authority of one trust domain, with any lives and claims that a test asks for. */
export class TestAuthority {
  readonly trustDomain: TrustDomain;
  readonly jwtKeyId: string;
  readonly #ca: SigningCa;
  readonly #jwt: JwtSigner;

  constructor(trustDomain: TrustDomain, lifetime: Lifetime, random: Random = systemRandom) {
    this.trustDomain = trustDomain;
    this.#jwt = new JwtSigner(random);
    this.#ca = new SigningCa(trustDomain, lifetime, random);
    this.jwtKeyId = this.#jwt.keyId;
  }

  get certificate(): Certificate {
    return this.#ca.certificate;
  }

  bundle(parts: { readonly x509?: boolean; readonly jwt?: boolean; readonly others?: readonly TestAuthority[] } = {}) {
    const all = [this, ...(parts.others ?? [])];
    return SpiffeBundle.of(this.trustDomain, {
      x509Authorities: parts.x509 === false ? [] : all.map(({ certificate }) => ({ certificate })),
      jwtAuthorities: parts.jwt === false ? [] : all.map((authority) => authority.jwtAuthority()),
    });
  }

  jwtAuthority(): { readonly keyId: string; readonly spkiDer: Uint8Array } {
    return { keyId: this.jwtKeyId, spkiDer: this.#jwt.spkiDer };
  }

  x509Svid(id: SpiffeId, lifetime: Lifetime, dnsSans: readonly string[] = []): TestX509Svid {
    const { certificate, key } = this.#ca.issue(id, lifetime, dnsSans);
    return { chainDer: certificate.der, keyDer: encodePkcs8(key), certificate };
  }

  /** Times in seconds. */
  jwtSvid(id: SpiffeId, audience: readonly string[], issuedAt: number, expiresAt: number): string {
    return this.#jwt.issue({ sub: id, aud: audience, iat: issuedAt, exp: expiresAt });
  }

  /** Any payload under this authority's JWT key: for tokens that no issuer of ours would make. */
  jws(payload: unknown, header: object = { alg: "ES256", kid: this.jwtKeyId, typ: "JWT" }): string {
    const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString("base64url");
    return this.signJws(`${encode(header)}.${encode(payload)}`);
  }

  signJws(signingInput: string): string {
    return this.#jwt.sign(signingInput);
  }
}
