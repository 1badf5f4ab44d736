import { type SpiffeBundle, SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import type { BundleEndpointProfile, FederationRelationship } from "../domain/federation.ts";
import type {
  FederationRelationship__Output,
  FederationRelationship as WireFederationRelationship,
} from "../gen/spire/api/types/FederationRelationship.ts";
import { type AuthorityLimits, type BundleDraft, encodeBundle, readBundleDraft } from "./bundle.ts";
import { decodeMask, type Mask } from "./mask.ts";
import { decodeWith, type Problems } from "./problems.ts";

/** The fields a FederationRelationshipMask names; `trust_domain` is always there. */
export type FederationField = "bundle_endpoint_url" | "bundle_endpoint_profile" | "trust_domain_bundle";
export type FederationMask = Mask<FederationField>;

/** `bundle`: that of the relationship's trust domain, when it is stored. */
export function encodeFederation(
  { trustDomain, bundleEndpointUrl, profile }: FederationRelationship,
  bundle: SpiffeBundle | undefined,
  mask: FederationMask = decodeMask(undefined),
): WireFederationRelationship {
  return {
    trust_domain: trustDomain.name,
    ...(mask.has("bundle_endpoint_url") && { bundle_endpoint_url: bundleEndpointUrl }),
    ...(mask.has("bundle_endpoint_profile") && encodeProfile(profile)),
    ...(mask.has("trust_domain_bundle") && bundle !== undefined && { trust_domain_bundle: encodeBundle(bundle) }),
  };
}

function encodeProfile(profile: BundleEndpointProfile): Pick<WireFederationRelationship, "https_web" | "https_spiffe"> {
  if (profile.kind === "https_web") return { https_web: {} };
  return { https_spiffe: { endpoint_spiffe_id: profile.endpointSpiffeId.toString() } };
}

/** What of a relationship a caller wrote. */
export interface FederationDraft {
  readonly trustDomain: TrustDomain;
  /** Those that the mask names are there. */
  readonly change: Partial<Omit<FederationRelationship, "trustDomain">>;
  /** Of the same trust domain; absent when none was given or the mask does not name it. */
  readonly bundle: BundleDraft | undefined;
}

export interface FederationLimits extends AuthorityLimits {
  readonly urlCharacters: number;
}

/** Fields beside the mask are not looked at. Throws `ERR_MALFORMED_REQUEST` naming every bad one. */
export function decodeFederationDraft(
  wire: FederationRelationship__Output,
  mask: FederationMask,
  limits: FederationLimits,
): FederationDraft {
  return decodeWith((problems) => {
    const trustDomain = problems.attempt("trust_domain", () => TrustDomain.parseNameOrId(wire.trust_domain));
    const profile = mask.has("bundle_endpoint_profile") ? readProfile(problems, wire) : undefined;
    const change = {
      ...(mask.has("bundle_endpoint_url") && {
        bundleEndpointUrl: readUrl(problems, wire.bundle_endpoint_url, limits.urlCharacters),
      }),
      ...(profile && { profile }),
    };
    const given = mask.has("trust_domain_bundle") ? wire.trust_domain_bundle : null;
    const everything = decodeMask(undefined);
    const bundle = given && readBundleDraft(problems, "trust_domain_bundle.", given, everything, limits);
    if (trustDomain === undefined) return undefined;
    if (bundle && !bundle.trustDomain.equals(trustDomain)) {
      problems.add("trust_domain_bundle.trust_domain", "is not the trust domain of the relationship");
    }
    return { trustDomain, change, bundle: bundle ?? undefined };
  });
}

function readProfile(problems: Problems, wire: FederationRelationship__Output): BundleEndpointProfile | undefined {
  if (wire.bundle_endpoint_profile === "https_web") return { kind: "https_web" };
  if (wire.bundle_endpoint_profile !== "https_spiffe") {
    problems.add("bundle_endpoint_profile", "is missing");
    return undefined;
  }
  const endpointSpiffeId = problems.attempt("https_spiffe.endpoint_spiffe_id", () =>
    SpiffeId.parse(wire.https_spiffe?.endpoint_spiffe_id ?? ""),
  );
  return endpointSpiffeId && { kind: "https_spiffe", endpointSpiffeId };
}

/** `text` itself, its scheme in lower case: a URL library would repair what must be refused. */
function readUrl(problems: Problems, text: string, mostCharacters: number): string {
  const field = "bundle_endpoint_url";
  const problem = urlProblem(text, mostCharacters);
  if (problem !== undefined) problems.add(field, problem);
  return `https${text.slice("https".length)}`;
}

function urlProblem(text: string, mostCharacters: number): string | undefined {
  if (text.length > mostCharacters) return `is longer than ${mostCharacters} characters`;
  if (!/^https:\/\//i.test(text)) return "does not start with https://";
  if (!/^[\x21-\x7e]+$/.test(text) || text.includes("\\")) return "has characters that a URL cannot have";
  const [authority = ""] = text.slice("https://".length).split(/[/?#]/);
  if (authority.includes("@")) return "has user information";
  if (authority === "" || authority.startsWith(":")) return "has no host";
  return URL.canParse(text) ? undefined : "is not a URL";
}
