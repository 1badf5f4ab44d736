import type { FederationRelationship__Output } from "../../proto/gen/spire/api/types/FederationRelationship.ts";
import { facts } from "../output.ts";

export function federationFacts(relationship: FederationRelationship__Output): string {
  const { https_spiffe, trust_domain_bundle: bundle } = relationship;
  const keys = (bundle?.x509_authorities.length ?? 0) + (bundle?.jwt_authorities.length ?? 0);
  return facts([
    ["Trust domain", relationship.trust_domain],
    ["Bundle endpoint URL", relationship.bundle_endpoint_url],
    ["Bundle endpoint profile", relationship.bundle_endpoint_profile ?? "unknown"],
    ...(https_spiffe ? [["Endpoint SPIFFE ID", https_spiffe.endpoint_spiffe_id] as const] : []),
    ["Bundle", bundle === null ? "none yet" : `${keys} ${keys === 1 ? "authority" : "authorities"}`],
  ]);
}

/** Without the decoder's note on which profile is set. */
export function federationJson(
  relationship: FederationRelationship__Output,
): Omit<FederationRelationship__Output, "bundle_endpoint_profile"> {
  const { bundle_endpoint_profile: _note, ...message } = relationship;
  return message;
}
