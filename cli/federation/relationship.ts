import type { FederationRelationship } from "../../proto/gen/spire/api/types/FederationRelationship.ts";
import type { FederationRelationshipMask } from "../../proto/gen/spire/api/types/FederationRelationshipMask.ts";
import { SpiffeId } from "../../spiffe/index.ts";
import { type BundleFormat, parseBundle, trustDomainFlag } from "../bundle/read-bundle.ts";
import type { CommandContext } from "../context.ts";
import { inputError } from "../exit-codes.ts";
import { messageOf, readText } from "../input-file.ts";
import type { ServerOptions } from "../options.ts";

/** Flags that are not given are absent. */
export interface RelationshipOptions extends ServerOptions {
  readonly trustDomain?: string;
  readonly bundleEndpointUrl?: string;
  readonly bundleEndpointProfile?: "https_web" | "https_spiffe";
  readonly endpointSpiffeId?: string;
  readonly trustDomainBundlePath?: string;
  readonly trustDomainBundleFormat: BundleFormat;
  readonly file?: string;
}

interface Given {
  readonly relationship: FederationRelationship;
  /** The fields that flags name. */
  readonly mask: FederationRelationshipMask;
}

/** What the flags say. @throws CommandError ERR_USAGE, ERR_BUNDLE_FILE */
export async function relationshipOfFlags(options: RelationshipOptions, context: CommandContext): Promise<Given> {
  const { trustDomain: name, bundleEndpointUrl, trustDomainBundlePath: path } = options;
  if (name === undefined) throw inputError("ERR_USAGE", "missing --trust-domain", "or give relationships with --file");
  const profile = profileOf(options);
  const bundle = path === undefined ? undefined : await bundleOf(path, name, options, context);
  return {
    relationship: {
      trust_domain: trustDomainFlag("--trust-domain", name).name,
      ...(bundleEndpointUrl !== undefined && { bundle_endpoint_url: bundleEndpointUrl }),
      ...profile,
      ...(bundle && { trust_domain_bundle: bundle }),
    },
    mask: {
      bundle_endpoint_url: bundleEndpointUrl !== undefined,
      bundle_endpoint_profile: profile !== undefined,
      trust_domain_bundle: bundle !== undefined,
    },
  };
}

/** The flags that name fields, as they are written. */
export function relationshipFlags(options: RelationshipOptions): readonly (readonly [string, boolean])[] {
  return [
    ["--trust-domain", options.trustDomain !== undefined],
    ["--bundle-endpoint-url", options.bundleEndpointUrl !== undefined],
    ["--bundle-endpoint-profile", options.bundleEndpointProfile !== undefined],
    ["--endpoint-spiffe-id", options.endpointSpiffeId !== undefined],
    ["--trust-domain-bundle-path", options.trustDomainBundlePath !== undefined],
  ];
}

function profileOf({
  bundleEndpointProfile: kind,
  endpointSpiffeId: id,
}: RelationshipOptions): Pick<FederationRelationship, "https_web" | "https_spiffe"> | undefined {
  if (kind === "https_spiffe" || (kind === undefined && id !== undefined)) {
    if (id === undefined) throw inputError("ERR_USAGE", "https_spiffe needs --endpoint-spiffe-id");
    try {
      return { https_spiffe: { endpoint_spiffe_id: SpiffeId.parse(id).toString() } };
    } catch (error) {
      throw inputError("ERR_USAGE", `--endpoint-spiffe-id: ${messageOf(error)}`);
    }
  }
  if (id !== undefined) throw inputError("ERR_USAGE", "--endpoint-spiffe-id is only for https_spiffe");
  return kind === undefined ? undefined : { https_web: {} };
}

async function bundleOf(path: string, name: string, options: RelationshipOptions, context: CommandContext) {
  const { text, unusable } = await readText(path, context, "ERR_BUNDLE_FILE");
  try {
    return parseBundle(text, options.trustDomainBundleFormat, trustDomainFlag("--trust-domain", name));
  } catch (error) {
    throw unusable(messageOf(error));
  }
}
