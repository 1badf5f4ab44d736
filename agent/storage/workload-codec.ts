import { createPublicKey } from "node:crypto";
import { z } from "zod";
import { Certificate, decodePkcs8, encodeSpki } from "../../certs/index.ts";
import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import { resourceTypes } from "../../proto/domain/link.ts";
import { Selector, SpiffeBundle, SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import { x509Fingerprint } from "../domain/identity-key.ts";
import { type HeldSvid, restoreSvid } from "../identities/held-svid.ts";
import type { WorkloadState } from "./workload-state.ts";

const wholeNumber = z.int().nonnegative();
const entryForm = z.strictObject({
  id: z.string().min(1).max(255),
  spiffe_id: z.string(),
  parent_id: z.string(),
  selectors: z.array(z.tuple([z.string(), z.string()])),
  x509_svid_ttl: wholeNumber,
  jwt_svid_ttl: wholeNumber,
  federates_with: z.array(z.string()),
  admin: z.boolean(),
  downstream: z.boolean(),
  expires_at: wholeNumber,
  dns_names: z.array(z.string()),
  revision_number: wholeNumber,
  store_svid: z.boolean(),
  hint: z.string(),
  created_at: wholeNumber,
  no_prefetch: z.boolean().optional(),
  include_jti: z.boolean().optional(),
});
const svidForm = z.strictObject({
  entry_id: z.string(),
  /** What the SVID was made for, should the entry have changed since. */
  fingerprint: z.string(),
  key: z.base64(),
  chain: z.array(z.base64()).min(1).max(16),
});
const stateForm = z.strictObject({
  version: z.literal(1),
  agent_id: z.string(),
  positions: z.array(z.strictObject({ type: z.enum(resourceTypes), epoch: z.string(), n: wholeNumber })),
  entries: z.array(entryForm),
  svids: z.array(svidForm),
  bundles: z.array(z.strictObject({ trust_domain: z.string(), jwks: z.string() })),
  distrusted: z.strictObject({ x509: z.array(z.string()), jwt: z.array(z.string()) }),
});

export function encodeWorkloadState(state: WorkloadState): string {
  const form: z.infer<typeof stateForm> = {
    version: 1,
    agent_id: state.agentId.toString(),
    positions: state.positions.map(({ type, position }) => ({ type, ...position })),
    entries: state.entries.map(entryToForm),
    svids: state.svids.map((svid) => ({
      entry_id: svid.key,
      fingerprint: svid.fingerprint,
      key: Buffer.from(svid.keyDer).toString("base64"),
      chain: svid.chain.map((der) => Buffer.from(der).toString("base64")),
    })),
    bundles: state.foreignBundles.map((bundle) => ({ trust_domain: bundle.trustDomain.name, jwks: bundle.toJwks() })),
    distrusted: { x509: [...state.distrusted.x509], jwt: [...state.distrusted.jwt] },
  };
  return JSON.stringify(form);
}

/** SVIDs that expired by `nowMs`, or that no entry of the state asks for as they are, are left out. Throws on anything malformed. */
export function decodeWorkloadState(text: string, nowMs: number): WorkloadState {
  const form = stateForm.parse(JSON.parse(text));
  const entries = form.entries.map(entryFromForm);
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const svids: HeldSvid[] = [];
  for (const { entry_id, fingerprint, key, chain } of form.svids) {
    const entry = byId.get(entry_id);
    const chainDer = chain.map((der) => new Uint8Array(Buffer.from(der, "base64")));
    const leaf = chainDer[0];
    if (entry === undefined || leaf === undefined || x509Fingerprint(entry) !== fingerprint) continue;
    if (Certificate.parse(leaf).notAfter <= nowMs) continue;
    const keyDer = new Uint8Array(Buffer.from(key, "base64"));
    svids.push(restoreSvid(entry, keyDer, encodeSpki(createPublicKey(decodePkcs8(keyDer))), chainDer));
  }
  return {
    agentId: SpiffeId.parse(form.agent_id),
    positions: form.positions.map(({ type, epoch, n }) => ({ type, position: { epoch, n } })),
    entries,
    svids,
    foreignBundles: form.bundles.map(
      ({ trust_domain, jwks }) => SpiffeBundle.parseJwks(TrustDomain.parse(trust_domain), jwks).bundle,
    ),
    distrusted: form.distrusted,
  };
}

function entryToForm(entry: RegistrationEntry): z.infer<typeof entryForm> {
  const extra = entry.additionalAttributes;
  return {
    id: entry.id,
    spiffe_id: entry.spiffeId.toString(),
    parent_id: entry.parentId.toString(),
    selectors: entry.selectors.map(({ type, value }): [string, string] => [type, value]),
    x509_svid_ttl: entry.x509SvidTtl,
    jwt_svid_ttl: entry.jwtSvidTtl,
    federates_with: entry.federatesWith.map(({ name }) => name),
    admin: entry.admin,
    downstream: entry.downstream,
    expires_at: entry.expiresAt,
    dns_names: [...entry.dnsNames],
    revision_number: entry.revisionNumber,
    store_svid: entry.storeSvid,
    hint: entry.hint,
    created_at: entry.createdAt,
    ...(extra === undefined
      ? {}
      : { no_prefetch: extra.disableX509SvidPrefetch, include_jti: extra.jwtSvidIncludeJti }),
  };
}

function entryFromForm(form: z.infer<typeof entryForm>): RegistrationEntry {
  const hasExtra = form.no_prefetch !== undefined || form.include_jti !== undefined;
  return {
    id: form.id,
    spiffeId: SpiffeId.parse(form.spiffe_id),
    parentId: SpiffeId.parse(form.parent_id),
    selectors: form.selectors.map(([type, value]) => Selector.of(type, value)),
    x509SvidTtl: form.x509_svid_ttl,
    jwtSvidTtl: form.jwt_svid_ttl,
    federatesWith: form.federates_with.map((name) => TrustDomain.parse(name)),
    admin: form.admin,
    downstream: form.downstream,
    expiresAt: form.expires_at,
    dnsNames: form.dns_names,
    revisionNumber: form.revision_number,
    storeSvid: form.store_svid,
    hint: form.hint,
    createdAt: form.created_at,
    additionalAttributes: hasExtra
      ? { disableX509SvidPrefetch: form.no_prefetch ?? false, jwtSvidIncludeJti: form.include_jti ?? false }
      : undefined,
  };
}
