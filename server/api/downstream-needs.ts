import type { SpiffeBundle, TrustDomain } from "../../spiffe/index.ts";
import type { DownstreamCaDeps } from "../authority/downstream/downstream-ca.ts";
import type { UpstreamAuthority } from "../authority/ports.ts";
import { serverErrors } from "../errors.ts";
import type { Registry } from "../registry/ports.ts";
import type { AuthorityStore, BundleStore } from "../store/ports.ts";

/** What serves the servers below this one. */
export interface DownstreamNeeds {
  readonly trustDomain: TrustDomain;
  readonly registry: Pick<Registry, "bundle">;
  readonly store: BundleStore & Pick<AuthorityStore, "commitAuthorities">;
  readonly downstream: DownstreamCaDeps & { readonly upstream: Pick<UpstreamAuthority, "publishJwtKey"> };
}

/** @throws ERR_BUNDLE_NOT_FOUND */
export async function ownBundle({
  trustDomain,
  registry,
  store,
}: Pick<DownstreamNeeds, "trustDomain" | "registry"> & { readonly store: BundleStore }): Promise<SpiffeBundle> {
  const bundle = registry.bundle(trustDomain) ?? (await store.findBundle(trustDomain));
  if (bundle === undefined) throw serverErrors.error("ERR_BUNDLE_NOT_FOUND", "bundle not found");
  return bundle;
}
