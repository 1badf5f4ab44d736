import type { Certificate } from "../../certs/index.ts";
import { type SpiffeBundle, SpiffeId, TrustDomain, X509Svid } from "../../spiffe/index.ts";
import { TestAuthority } from "./test-authority.ts";

export interface TestSvidOptions {
  readonly hint?: string;
  readonly dnsNames?: readonly string[];
  /** What no CA should issue: a name in a trust domain that is not its own. */
  readonly trustDomain?: TrustDomain;
  /** Milliseconds. */
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
}

/** A `TestAuthority` as a workload meets it: real time, and X509-SVIDs with their keys. */
export class TestCa {
  readonly trustDomain: TrustDomain;
  readonly #authority: TestAuthority;

  private constructor(authority: TestAuthority) {
    this.trustDomain = authority.trustDomain;
    this.#authority = authority;
  }

  static create(name: string, nowMs = Date.now()): Promise<TestCa> {
    const lifetime = { notBeforeMs: nowMs - 10_000, notAfterMs: nowMs + 86_400_000 };
    return Promise.resolve(new TestCa(new TestAuthority(TrustDomain.parse(name), lifetime)));
  }

  get certificate(): Certificate {
    return this.#authority.certificate;
  }

  get bundle(): SpiffeBundle {
    return this.#authority.bundle({ jwt: false });
  }

  issue(path: string, options: TestSvidOptions = {}): Promise<X509Svid> {
    const {
      notBeforeMs = Date.now() - 10_000,
      notAfterMs = Date.now() + 3_600_000,
      hint = "",
      dnsNames = [],
      trustDomain = this.trustDomain,
    } = options;
    const id = SpiffeId.of(trustDomain, path);
    const { chainDer, keyDer } = this.#authority.x509Svid(id, { notBeforeMs, notAfterMs }, dnsNames);
    return Promise.resolve(X509Svid.parse({ chainDer, keyDer, hint }));
  }
}
