import type { SpiffeBundle, TrustDomain } from "../../spiffe/index.ts";
import type { Registry } from "../registry/ports.ts";
import type { BundleStore } from "../store/ports.ts";

const known = new WeakMap<SpiffeBundle, ReadonlySet<string>>();

/** Subject key ids (lower-case hex) of a bundle's X.509 authorities; bundles are immutable, so this is kept by bundle. */
export function authorityIds(bundle: SpiffeBundle): ReadonlySet<string> {
  const ids = known.get(bundle);
  if (ids !== undefined) return ids;
  const fresh = new Set(bundle.x509Authorities.map(({ certificate }) => certificate.subjectKeyId ?? ""));
  known.set(bundle, fresh);
  return fresh;
}

/** Is an authority that a connection was verified under still in its trust domain's bundle? */
export class AuthorityTrust {
  readonly #registry: Pick<Registry, "bundle">;
  readonly #store: BundleStore;

  constructor(registry: Pick<Registry, "bundle">, store: BundleStore) {
    this.#registry = registry;
    this.#store = store;
  }

  /** From memory when it is; "no" is confirmed in the store (design §4: bad news needs proof). */
  async isTrusted(trustDomain: TrustDomain, authorityId: string): Promise<boolean> {
    if (this.isTrustedInMemory(trustDomain, authorityId)) return true;
    const stored = await this.#store.findBundle(trustDomain);
    return stored !== undefined && authorityIds(stored).has(authorityId);
  }

  isTrustedInMemory(trustDomain: TrustDomain, authorityId: string): boolean {
    const bundle = this.#registry.bundle(trustDomain);
    return bundle !== undefined && authorityIds(bundle).has(authorityId);
  }
}
