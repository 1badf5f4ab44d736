import type { Selector, SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import type { _spire_api_server_agent_v1_ListAgentsRequest_Filter__Output as WireAgentFilter } from "../gen/spire/api/server/agent/v1/ListAgentsRequest.ts";
import type { _spire_api_server_entry_v1_ListEntriesRequest_Filter__Output as WireEntryFilter } from "../gen/spire/api/server/entry/v1/ListEntriesRequest.ts";
import { decodeWith, type Problems } from "./problems.ts";
import { readSelectors } from "./selector.ts";
import { readSpiffeId, readTrustDomains } from "./spiffe-id.ts";

const matches = ["exact", "subset", "superset", "any"] as const;
export type SetMatch = (typeof matches)[number];

/** Everything present must hold. */
export interface DecodedEntryFilter {
  readonly spiffeId?: SpiffeId;
  readonly parentId?: SpiffeId;
  readonly selectors?: { readonly match: SetMatch; readonly selectors: readonly Selector[] };
  readonly federatesWith?: { readonly match: SetMatch; readonly trustDomains: readonly TrustDomain[] };
  readonly hint?: string;
  readonly downstream?: true;
}

/** Of ListEntries and CountEntries. Throws `ERR_MALFORMED_REQUEST` naming every bad field; an empty set is one. */
export function decodeEntryFilter(wire: WireEntryFilter | null): DecodedEntryFilter {
  if (wire === null) return {};
  return decodeWith((problems) => {
    const spiffeId = wire.by_spiffe_id && readSpiffeId(problems, "filter.by_spiffe_id", wire.by_spiffe_id);
    const parentId = wire.by_parent_id && readSpiffeId(problems, "filter.by_parent_id", wire.by_parent_id);
    const selectors = wire.by_selectors && readSelectorMatch(problems, "filter.by_selectors", wire.by_selectors);
    const federatesWith = wire.by_federates_with && readDomainMatch(problems, wire.by_federates_with);
    return {
      ...(spiffeId ? { spiffeId } : {}),
      ...(parentId ? { parentId } : {}),
      ...(selectors ? { selectors } : {}),
      ...(federatesWith ? { federatesWith } : {}),
      ...(wire.by_hint ? { hint: wire.by_hint.value } : {}),
      // False filters nothing: SPIRE's CLI always sends the wrapper.
      ...(wire.by_downstream?.value === true ? { downstream: true } : {}),
    };
  });
}

export interface DecodedAgentFilter {
  readonly attestationType?: string;
  readonly selectors?: { readonly match: SetMatch; readonly selectors: readonly Selector[] };
  readonly banned?: boolean;
  readonly canReattest?: boolean;
  /** Unix seconds. */
  readonly expiresBefore?: number;
}

/** Of ListAgents and CountAgents. Throws `ERR_MALFORMED_REQUEST`; a time that does not parse must not match everything. */
export function decodeAgentFilter(wire: WireAgentFilter | null): DecodedAgentFilter {
  if (wire === null) return {};
  return decodeWith((problems) => {
    const match = wire.by_selector_match;
    const selectors = match && readSelectorMatch(problems, "filter.by_selector_match", match);
    const text = wire.by_expires_before;
    const expiresBefore = text === "" ? undefined : readTime(problems, "filter.by_expires_before", text);
    return {
      ...(wire.by_attestation_type === "" ? {} : { attestationType: wire.by_attestation_type }),
      ...(selectors ? { selectors } : {}),
      ...(wire.by_banned ? { banned: wire.by_banned.value } : {}),
      ...(wire.by_can_reattest ? { canReattest: wire.by_can_reattest.value } : {}),
      ...(expiresBefore === undefined ? {} : { expiresBefore }),
    };
  });
}

function readSelectorMatch(
  problems: Problems,
  field: string,
  wire: NonNullable<WireEntryFilter["by_selectors"]>,
): DecodedEntryFilter["selectors"] {
  const match = readMatch(problems, field, wire.match);
  if (wire.selectors.length === 0) problems.add(`${field}.selectors`, "is empty");
  return { match, selectors: readSelectors(problems, `${field}.selectors`, wire.selectors) };
}

function readDomainMatch(
  problems: Problems,
  wire: NonNullable<WireEntryFilter["by_federates_with"]>,
): DecodedEntryFilter["federatesWith"] {
  const field = "filter.by_federates_with";
  const match = readMatch(problems, field, wire.match);
  if (wire.trust_domains.length === 0) problems.add(`${field}.trust_domains`, "is empty");
  return { match, trustDomains: readTrustDomains(problems, `${field}.trust_domains`, wire.trust_domains) };
}

function readMatch(problems: Problems, field: string, value: number): SetMatch {
  const match = matches[value];
  if (match === undefined) problems.add(`${field}.match`, "is not a known behaviour");
  return match ?? "exact";
}

/** Go's layout `2006-01-02 15:04:05 -0700 -07`, or the same with another zone name at the end. */
function readTime(problems: Problems, field: string, text: string): number | undefined {
  const parts = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d+)? ([+-]\d\d)(\d\d)(?: [A-Z0-9+-]{1,6})?$/.exec(text);
  const ms = parts === null ? Number.NaN : Date.parse(`${parts[1]}T${parts[2]}${parts[3]}:${parts[4]}`);
  if (!Number.isNaN(ms)) return Math.floor(ms / 1_000);
  problems.add(field, 'is not a time like "2026-01-31 12:00:00 +0000 +00"');
  return undefined;
}
