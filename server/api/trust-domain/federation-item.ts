import type { FederationRelationship } from "../../../proto/domain/federation.ts";
import type { SpiffeBundle } from "../../../spiffe/index.ts";
import { serverErrors } from "../../errors.ts";
import type { Registry } from "../../registry/ports.ts";

/** A relationship with the bundle that is stored for its trust domain. */
export interface FederationView {
  readonly relationship: FederationRelationship;
  readonly bundle: SpiffeBundle | undefined;
}

export function federationView(
  registry: Pick<Registry, "bundle">,
  relationship: FederationRelationship,
): FederationView {
  return { relationship, bundle: registry.bundle(relationship.trustDomain) };
}

export function federationNotFound() {
  return serverErrors.error("ERR_FEDERATION_NOT_FOUND", "federation relationship does not exist");
}
