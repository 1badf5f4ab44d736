import type { SpiffeBundle, TrustDomain } from "../../spiffe/index.ts";
import { agentLimits } from "../limits.ts";

/** The trust domains' bundles, and the authorities whose SVIDs must be replaced. */
export class BundleTable {
  readonly trustDomain: TrustDomain;
  #own: SpiffeBundle;
  readonly #foreign = new Map<string, SpiffeBundle>();
  readonly #distrusted = { x509: new Set<string>(), jwt: new Set<string>() };
  /** Authorities that left our own bundle while this agent ran: whatever is of them does not verify any more. */
  readonly #gone = new Set<string>();

  constructor(own: SpiffeBundle) {
    this.trustDomain = own.trustDomain;
    this.#own = own;
  }

  get own(): SpiffeBundle {
    return this.#own;
  }

  get(trustDomain: TrustDomain): SpiffeBundle | undefined {
    return trustDomain.equals(this.trustDomain) ? this.#own : this.#foreign.get(trustDomain.name);
  }

  foreign(): readonly SpiffeBundle[] {
    return [...this.#foreign.values()];
  }

  /** Our own bundle is never removed: without it nothing could be verified, not even the server that corrects it. */
  apply(change: {
    readonly isSnapshot: boolean;
    readonly upserts: readonly SpiffeBundle[];
    readonly removed: readonly string[];
  }): void {
    const before = new Map(this.#foreign);
    if (change.isSnapshot) this.#foreign.clear();
    for (const name of change.removed) this.#foreign.delete(name);
    for (const bundle of change.upserts) {
      const { name } = bundle.trustDomain;
      // The object stays the same while the content does: views compare by identity.
      if (name === this.trustDomain.name) this.#replaceOwn(sameOr(this.#own, bundle));
      else this.#foreign.set(name, sameOr(before.get(name), bundle));
    }
  }

  #replaceOwn(own: SpiffeBundle): void {
    if (own === this.#own) return;
    for (const id of authorityIdsOf(this.#own)) this.#gone.add(id);
    for (const id of authorityIdsOf(own)) this.#gone.delete(id);
    for (const oldest of this.#gone) {
      if (this.#gone.size <= agentLimits.goneAuthorities.value) break;
      this.#gone.delete(oldest);
    }
    this.#own = own;
  }

  distrust(kind: "x509" | "jwt", authorityIds: Iterable<string>): void {
    for (const id of authorityIds) this.#distrusted[kind].add(id);
  }

  /** Replaces what was distrusted before. */
  resetDistrust(): void {
    this.#distrusted.x509.clear();
    this.#distrusted.jwt.clear();
  }

  trustAgain(authorityIds: Iterable<string>): void {
    for (const id of authorityIds) {
      this.#distrusted.x509.delete(id);
      this.#distrusted.jwt.delete(id);
    }
  }

  distrustedIds(kind: "x509" | "jwt"): readonly string[] {
    return [...this.#distrusted[kind]];
  }

  isGone(authorityId: string): boolean {
    return this.#gone.has(authorityId);
  }

  /** All X.509 authorities that `isDistrusted`. */
  allDistrustedX509(): ReadonlySet<string> {
    const ids = new Set([...this.#distrusted.x509, ...this.#gone]);
    for (const { tainted, certificate } of this.#own.x509Authorities) {
      if (tainted && certificate.subjectKeyId !== undefined) ids.add(certificate.subjectKeyId);
    }
    return ids;
  }

  /** By the server's word; or tainted in our own bundle, or gone from it: which is all that a SPIRE server says. */
  isDistrusted(kind: "x509" | "jwt", authorityId: string): boolean {
    if (this.#distrusted[kind].has(authorityId) || this.#gone.has(authorityId)) return true;
    return kind === "x509"
      ? this.#own.x509Authorities.some(
          ({ tainted, certificate }) => tainted && certificate.subjectKeyId === authorityId,
        )
      : this.#own.jwtAuthorities.some(({ tainted, keyId }) => tainted && keyId === authorityId);
  }
}

/** Key ids of X.509 authorities are hex of a hash, those of JWT authorities are random text: one set holds both. */
function authorityIdsOf({ x509Authorities, jwtAuthorities }: SpiffeBundle): readonly string[] {
  const x509 = x509Authorities.map(({ certificate }) => certificate.subjectKeyId);
  return [...x509, ...jwtAuthorities.map(({ keyId }) => keyId)].filter((id) => id !== undefined);
}

function sameOr(held: SpiffeBundle | undefined, incoming: SpiffeBundle): SpiffeBundle {
  return held?.equals(incoming) === true ? held : incoming;
}
