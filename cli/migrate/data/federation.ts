import type { Bundle__Output } from "../../../proto/gen/spire/api/types/Bundle.ts";
import type { FederationRelationship__Output } from "../../../proto/gen/spire/api/types/FederationRelationship.ts";
import type { Status__Output } from "../../../proto/gen/spire/api/types/Status.ts";
import { bundleService, trustDomainService } from "../../../proto/services.ts";
import type { CommandChannel } from "../../connect.ts";
import type { Ends } from "../ends.ts";

/** By trust domain. */
export interface Copied {
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly unchanged: number;
  readonly refused: readonly { readonly trustDomain: string; readonly reason: string }[];
}

const pageSize = 100;
const noMask = { bundle_endpoint_url: true, bundle_endpoint_profile: true };

/** Bundles of other trust domains, as they are there. */
export async function copyBundles({ from, to }: Ends, onlyLook: boolean): Promise<Copied> {
  const [theirs, ours] = await Promise.all([everyBundle(from), everyBundle(to)]);
  return copy(theirs, ours, bundleText, async (bundles) => {
    if (onlyLook) return bundles.map(() => undefined);
    const { results } = await to.unary(bundleService.BatchSetFederatedBundle, {
      bundle: bundles.map(({ wit_authorities: _wit, ...bundle }) => bundle),
      output_mask: {},
    });
    return results.map(({ status }) => status);
  });
}

/** Where bundles of other trust domains come from. Their bundles are copied by themselves. */
export async function copyRelationships({ from, to }: Ends, onlyLook: boolean): Promise<Copied> {
  const [theirs, ours] = await Promise.all([everyRelationship(from), everyRelationship(to)]);
  const known = new Set(ours.map(({ trust_domain }) => trust_domain));
  return copy(theirs, ours, relationshipText, async (relationships) => {
    if (onlyLook) return relationships.map(() => undefined);
    const output_mask = {};
    const statuses = new Map<string, Status__Output | null>();
    const made = relationships.filter(({ trust_domain }) => !known.has(trust_domain));
    const changed = relationships.filter(({ trust_domain }) => known.has(trust_domain));
    if (made.length > 0) {
      const request = { federation_relationships: made, output_mask };
      const { results } = await to.unary(trustDomainService.BatchCreateFederationRelationship, request);
      for (const [index, { status }] of results.entries()) statuses.set(made[index]?.trust_domain ?? "", status);
    }
    if (changed.length > 0) {
      const request = { federation_relationships: changed, input_mask: noMask, output_mask };
      const { results } = await to.unary(trustDomainService.BatchUpdateFederationRelationship, request);
      for (const [index, { status }] of results.entries()) statuses.set(changed[index]?.trust_domain ?? "", status);
    }
    return relationships.map(({ trust_domain }) => statuses.get(trust_domain) ?? null);
  });
}

/** `write` gives a status per item; `undefined` when nothing was asked. */
async function copy<Item extends { readonly trust_domain: string }>(
  theirs: readonly Item[],
  ours: readonly Item[],
  text: (item: Item) => string,
  write: (items: readonly Item[]) => Promise<readonly (Status__Output | null | undefined)[]>,
): Promise<Copied> {
  const here = new Map(ours.map((item) => [item.trust_domain, text(item)]));
  const different = theirs.filter((item) => here.get(item.trust_domain) !== text(item));
  const [created, updated, refused]: [string[], string[], Copied["refused"][number][]] = [[], [], []];
  for (let start = 0; start < different.length; start += pageSize) {
    const batch = different.slice(start, start + pageSize);
    const statuses = await write(batch);
    for (const [index, { trust_domain }] of batch.entries()) {
      const status = index < statuses.length ? statuses[index] : null;
      if (status !== undefined && status?.code !== 0)
        refused.push({ trustDomain: trust_domain, reason: status?.message ?? "the server gave no status" });
      else (here.has(trust_domain) ? updated : created).push(trust_domain);
    }
  }
  return { created, updated, unchanged: theirs.length - different.length, refused };
}

async function everyBundle(channel: CommandChannel): Promise<readonly Bundle__Output[]> {
  const all: Bundle__Output[] = [];
  for (let token = ""; ; ) {
    const request = { page_size: pageSize, page_token: token };
    const { bundles, next_page_token } = await channel.unary(bundleService.ListFederatedBundles, request);
    all.push(...bundles);
    if (next_page_token === "") return all;
    token = next_page_token;
  }
}

async function everyRelationship(channel: CommandChannel): Promise<readonly FederationRelationship__Output[]> {
  const all: FederationRelationship__Output[] = [];
  for (let token = ""; ; ) {
    const page = await channel.unary(trustDomainService.ListFederationRelationships, {
      page_size: pageSize,
      page_token: token,
      output_mask: noMask,
    });
    all.push(...page.federation_relationships);
    if (page.next_page_token === "") return all;
    token = page.next_page_token;
  }
}

/** Equal texts are equal bundles. SPIRE keeps several certificates in one item, and the same one twice. */
function bundleText({ x509_authorities, jwt_authorities, refresh_hint, sequence_number }: Bundle__Output): string {
  const certificates = [...new Set(x509_authorities.map(({ asn1 }) => asn1.toString("base64")))];
  return JSON.stringify([
    Buffer.concat(certificates.map((text) => Buffer.from(text, "base64"))).toString("base64"),
    jwt_authorities.map(({ key_id, public_key, expires_at }) => [key_id, public_key.toString("base64"), expires_at]),
    refresh_hint,
    sequence_number,
  ]);
}

function relationshipText({ bundle_endpoint_url, https_spiffe, https_web }: FederationRelationship__Output): string {
  const profile = https_spiffe == null ? https_web != null && "web" : https_spiffe.endpoint_spiffe_id;
  return JSON.stringify([bundle_endpoint_url, profile]);
}
