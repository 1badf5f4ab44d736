import type { SyncResource } from "../../proto/domain/link.ts";
import { type SpiffeBundle, TrustDomain } from "../../spiffe/index.ts";
import type { Registry } from "../registry/ports.ts";

export interface ResourceBatch {
  readonly resources: readonly SyncResource[];
  readonly removed: readonly string[];
}

/** Own bundle and those that the agent's entries federate with: what was sent, compared with what there is. */
export class BundleOutbox {
  readonly #registry: Pick<Registry, "bundle">;
  readonly #own: TrustDomain;
  readonly #sent = new Map<string, SpiffeBundle>();

  constructor(registry: Pick<Registry, "bundle">, own: TrustDomain) {
    this.#registry = registry;
    this.#own = own;
  }

  /** What changed since the last call, now counted as sent; `undefined` when nothing did. */
  take(federated: Iterable<string>): ResourceBatch | undefined {
    const wanted = new Map<string, SpiffeBundle>();
    for (const name of new Set([this.#own.name, ...federated])) {
      const bundle = this.#registry.bundle(name === this.#own.name ? this.#own : TrustDomain.parse(name));
      if (bundle !== undefined) wanted.set(name, bundle);
    }
    const resources: SyncResource[] = [];
    for (const [name, bundle] of wanted) {
      if (this.#sent.get(name) === bundle) continue;
      this.#sent.set(name, bundle);
      resources.push({ kind: "bundle", bundle });
    }
    const removed = [...this.#sent.keys()].filter((name) => !wanted.has(name));
    for (const name of removed) this.#sent.delete(name);
    return resources.length === 0 && removed.length === 0 ? undefined : { resources, removed };
  }
}

/** Authorities of the own bundle whose SVIDs must be replaced: those marked tainted in it. */
export class DistrustOutbox {
  readonly #sent = new Set<string>();

  hasSent(authorityId: string): boolean {
    return this.#sent.has(authorityId);
  }

  /** `spreadMs` goes with each, and is asked for only when there is one: it looks at every agent. */
  take(own: SpiffeBundle | undefined, spreadMs: () => number): ResourceBatch | undefined {
    const wanted = new Map<string, "x509" | "jwt">();
    for (const { certificate, tainted } of own?.x509Authorities ?? []) {
      const authorityId = certificate.subjectKeyId;
      if (tainted && authorityId !== undefined) wanted.set(authorityId, "x509");
    }
    for (const { keyId, tainted } of own?.jwtAuthorities ?? []) if (tainted) wanted.set(keyId, "jwt");
    const added = [...wanted].filter(([id]) => !this.#sent.has(id));
    const spread = added.length === 0 ? 0 : spreadMs();
    const resources = added.map(
      ([authorityId, authority]): SyncResource => ({ kind: "distrust", authorityId, authority, spreadMs: spread }),
    );
    const removed = [...this.#sent].filter((id) => !wanted.has(id));
    this.#sent.clear();
    for (const id of wanted.keys()) this.#sent.add(id);
    return resources.length === 0 && removed.length === 0 ? undefined : { resources, removed };
  }
}
