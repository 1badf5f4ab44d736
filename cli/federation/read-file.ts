import { z } from "zod";
import type { FederationRelationship } from "../../proto/gen/spire/api/types/FederationRelationship.ts";
import { TrustDomain } from "../../spiffe/index.ts";
import { parseBundle } from "../bundle/read-bundle.ts";
import type { CommandContext } from "../context.ts";
import { describeIssue, listOf, messageOf, readDocument } from "../input-file.ts";

const bytes = z.string().transform((text) => Buffer.from(text, "base64"));
const int64 = z.union([z.string(), z.number().int().transform(String)]);

/** As `federation show --output json` prints it. */
const asPrinted = z
  .strictObject({
    trust_domain: z.string(),
    bundle_endpoint_url: z.string(),
    https_web: z.strictObject({}).optional(),
    https_spiffe: z.strictObject({ endpoint_spiffe_id: z.string() }).optional(),
    trust_domain_bundle: z
      .strictObject({
        trust_domain: z.string(),
        x509_authorities: z.array(z.strictObject({ asn1: bytes, tainted: z.boolean().default(false) })).default([]),
        jwt_authorities: z
          .array(
            z.strictObject({
              ...{ public_key: bytes, key_id: z.string(), expires_at: int64, tainted: z.boolean().default(false) },
            }),
          )
          .default([]),
        ...{ refresh_hint: int64.default("0"), sequence_number: int64.default("0") },
        wit_authorities: z.array(z.unknown()).max(0, "WIT authorities are not kept").optional(),
      })
      .transform(({ wit_authorities: _wit, ...bundle }) => bundle)
      .optional(),
  })
  .transform((value): FederationRelationship => {
    const { https_web, https_spiffe, trust_domain_bundle, ...rest } = value;
    return {
      ...rest,
      ...(https_web && { https_web }),
      ...(https_spiffe && { https_spiffe }),
      ...(trust_domain_bundle && { trust_domain_bundle }),
    };
  });

/** As SPIRE's files have it. */
const asInFiles = z
  .strictObject({
    trustDomain: z.string(),
    bundleEndpointURL: z.string(),
    bundleEndpointProfile: z.enum(["https_web", "https_spiffe"]),
    endpointSPIFFEID: z.string().optional(),
    /** PEM text, or the SPIFFE bundle document itself. */
    trustDomainBundle: z.union([z.string(), z.record(z.string(), z.unknown())]).optional(),
    trustDomainBundleFormat: z.enum(["pem", "spiffe"]).default("pem"),
  })
  .transform((value, context): FederationRelationship => {
    const { trustDomainBundle: bundle, trustDomainBundleFormat: format, endpointSPIFFEID: id } = value;
    if ((value.bundleEndpointProfile === "https_spiffe") !== (id !== undefined)) {
      context.addIssue({ code: "custom", path: ["endpointSPIFFEID"], message: "belongs to the profile https_spiffe" });
      return z.NEVER;
    }
    try {
      const text = typeof bundle === "object" ? JSON.stringify(bundle) : bundle;
      return {
        trust_domain: value.trustDomain,
        bundle_endpoint_url: value.bundleEndpointURL,
        ...(id === undefined ? { https_web: {} } : { https_spiffe: { endpoint_spiffe_id: id } }),
        ...(text !== undefined && {
          trust_domain_bundle: parseBundle(text, format, TrustDomain.parseNameOrId(value.trustDomain)),
        }),
      };
    } catch (error) {
      context.addIssue({ code: "custom", message: messageOf(error) });
      return z.NEVER;
    }
  });

/**
 * Relationships of a YAML or JSON file, or of standard input for `-`: one, a list, SPIRE's `federationRelationships`, or
 * what `federation list` printed.
 *
 * @throws CommandError ERR_FEDERATION_FILE with every problem, by the number of the relationship
 */
export async function readRelationships(
  file: string,
  context: CommandContext,
): Promise<readonly FederationRelationship[]> {
  const { value, lineOf, unusable } = await readDocument(file, context, "ERR_FEDERATION_FILE");
  const { items, at } = itemsOf(value);
  const problems: string[] = [];
  const relationships: FederationRelationship[] = [];
  for (const [index, item] of items.entries()) {
    const isPrinted = typeof item === "object" && item !== null && "trust_domain" in item;
    const result = (isPrinted ? asPrinted : asInFiles).safeParse(item);
    if (result.success) relationships.push(result.data);
    else {
      const whose = `relationship ${index + 1}: `;
      problems.push(...result.error.issues.map((issue) => describeIssue(issue, lineOf, at(index), whose)));
    }
  }
  if (problems.length > 0) throw unusable(listOf(problems));
  if (relationships.length === 0) throw unusable("it holds no federation relationship");
  return relationships;
}

interface Items {
  readonly items: readonly unknown[];
  /** Where in the document an item is. */
  readonly at: (index: number) => readonly PropertyKey[];
}

function itemsOf(value: unknown): Items {
  if (value === null || value === undefined) return { items: [], at: () => [] };
  if (Array.isArray(value)) return { items: value, at: (index) => [index] };
  if (typeof value === "object") {
    const wrapped = new Map(Object.entries(value));
    for (const name of ["federationRelationships", "federation_relationships"]) {
      const list = wrapped.get(name);
      if (Array.isArray(list)) return { items: list, at: (index) => [name, index] };
    }
  }
  return { items: [value], at: () => [] };
}
