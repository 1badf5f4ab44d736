import type { BundleEndpointProfile, FederationRelationship } from "../../../../proto/domain/federation.ts";
import type { FederationRow, FederationRowChange } from "../protocol.ts";
import type { SharedValues } from "./shared-values.ts";

export function encodeFederation({ trustDomain, bundleEndpointUrl, profile }: FederationRelationship): FederationRow {
  return [trustDomain.name, bundleEndpointUrl, ...encodeProfile(profile)];
}

export function encodeFederationChange(
  change: Partial<Omit<FederationRelationship, "trustDomain">>,
): FederationRowChange {
  const { bundleEndpointUrl, profile } = change;
  return {
    ...(bundleEndpointUrl !== undefined && { bundleEndpointUrl }),
    ...(profile && { profile: encodeProfile(profile) }),
  };
}

export function decodeFederation(row: FederationRow, shared: SharedValues): FederationRelationship {
  const [trustDomain, bundleEndpointUrl, profile, endpointSpiffeId] = row;
  return {
    trustDomain: shared.trustDomain(trustDomain),
    bundleEndpointUrl,
    profile: decodeProfile(profile, endpointSpiffeId, shared),
  };
}

function encodeProfile(profile: BundleEndpointProfile): readonly [profile: string, endpointSpiffeId: string | null] {
  return [profile.kind, profile.kind === "https_spiffe" ? profile.endpointSpiffeId.toString() : null];
}

function decodeProfile(kind: string, endpointSpiffeId: string | null, shared: SharedValues): BundleEndpointProfile {
  if (kind === "https_spiffe" && endpointSpiffeId !== null) {
    return { kind, endpointSpiffeId: shared.newId(endpointSpiffeId) };
  }
  if (kind === "https_web") return { kind };
  throw new TypeError("a stored bundle endpoint profile is not one of ours");
}
