import type { SpiffeBundle, TrustDomain } from "../../spiffe/index.ts";
import { agentLimits } from "../limits.ts";

/** The trust domains' bundles, and the authorities whose SVIDs must be replaced. */
export class BundleTable {
  readonly trustDomain: TrustDomain;
  #own: SpiffeBundle;
  readonly #foreign = new Map<string, SpiffeBundle>();
  readonly #distrusted = { x509: new Set<string>(), jwt: new Set<string>() };
  /**
   * Authorities that left our own bundle while this agent ran: whatever is of them does not verify any more. By kind:
   * servers below choose the ids of their JWT keys, and one may be the key id of a certificate.
   */
  readonly #gone = { x509: new Set<string>(), jwt: new Set<string>() };

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
    noteGone(this.#gone.x509, x509IdsOf(this.#own), x509IdsOf(own));
    noteGone(this.#gone.jwt, jwtIdsOf(this.#own), jwtIdsOf(own));
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

  /** Of an X.509 authority. */
  isGone(authorityId: string): boolean {
    return this.#gone.x509.has(authorityId);
  }

  /** All X.509 authorities that `isDistrusted`. */
  allDistrustedX509(): ReadonlySet<string> {
    const ids = new Set([...this.#distrusted.x509, ...this.#gone.x509]);
    for (const { tainted, certificate } of this.#own.x509Authorities) {
      if (tainted && certificate.subjectKeyId !== undefined) ids.add(certificate.subjectKeyId);
    }
    return ids;
  }

  /** By the server's word; or tainted in our own bundle, or gone from it: which is all that a SPIRE server says. */
  isDistrusted(kind: "x509" | "jwt", authorityId: string): boolean {
    if (this.#distrusted[kind].has(authorityId) || this.#gone[kind].has(authorityId)) return true;
    return kind === "x509"
      ? this.#own.x509Authorities.some(
          ({ tainted, certificate }) => tainted && certificate.subjectKeyId === authorityId,
        )
      : this.#own.jwtAuthorities.some(({ tainted, keyId }) => tainted && keyId === authorityId);
  }
}

function x509IdsOf({ x509Authorities }: SpiffeBundle): readonly string[] {
  return x509Authorities.map(({ certificate }) => certificate.subjectKeyId).filter((id) => id !== undefined);
}

function jwtIdsOf({ jwtAuthorities }: SpiffeBundle): readonly string[] {
  return jwtAuthorities.map(({ keyId }) => keyId);
}

function noteGone(gone: Set<string>, before: readonly string[], now: readonly string[]): void {
  for (const id of before) gone.add(id);
  for (const id of now) gone.delete(id);
  for (const oldest of gone) {
    if (gone.size <= agentLimits.goneAuthorities.value) break;
    gone.delete(oldest);
  }
}

function sameOr(held: SpiffeBundle | undefined, incoming: SpiffeBundle): SpiffeBundle {
  return held?.equals(incoming) === true ? held : incoming;
}
