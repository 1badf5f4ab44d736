import type { AttestedNode } from "../../proto/domain/agent.ts";
import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { SvidCaller } from "../../server/authorization/index.ts";
import type { FeedItem } from "../../server/store/ports.ts";
import { Selector, SpiffeId, TrustDomain } from "../../spiffe/index.ts";

export const exampleTrustDomain = TrustDomain.parse("example.org");

export function agentId(name: string): SpiffeId {
  return SpiffeId.of(exampleTrustDomain, `/spire/agent/join_token/${name}`);
}

/** A node called `name` whose current serial number is 1. */
export function nodeOf(name: string, parts: Partial<AttestedNode> = {}): AttestedNode {
  return {
    id: agentId(name),
    attestationType: "join_token",
    selectors: [],
    serialNumber: "1",
    expiresAt: 4_000_000_000,
    pendingSerialNumber: "",
    pendingExpiresAt: 0,
    banned: false,
    canReattest: false,
    agentVersion: "",
    authorityId: "",
    seenAt: 0,
    syncs: false,
    ...parts,
  };
}

/** An entry of workload `id` under the agent called `agent`. */
export function entryOf(id: string, agent: string, parts: Partial<RegistrationEntry> = {}): RegistrationEntry {
  return {
    id,
    spiffeId: SpiffeId.of(exampleTrustDomain, `/workload/${id}`),
    parentId: agentId(agent),
    selectors: [Selector.parse("unix:uid:1000")],
    x509SvidTtl: 0,
    jwtSvidTtl: 0,
    federatesWith: [],
    admin: false,
    downstream: false,
    expiresAt: 0,
    dnsNames: [],
    revisionNumber: 0,
    storeSvid: false,
    hint: "",
    createdAt: 1_700_000_000,
    additionalAttributes: undefined,
    ...parts,
  };
}

export function entryItem(entry: RegistrationEntry): FeedItem {
  return { type: "entry", key: entry.id, value: entry };
}

export function nodeItem(node: AttestedNode): FeedItem {
  return { type: "node", key: node.id.toString(), value: node };
}

/** A caller with the SVID of the agent called `name`. */
export function agentCaller(name: string, parts: Partial<SvidCaller> = {}): SvidCaller {
  return {
    kind: "svid",
    id: agentId(name),
    address: "192.0.2.1",
    serialNumber: "1",
    notAfterMs: 4_000_000_000_000,
    authorityId: "aa",
    aboveIssuer: [],
    ...parts,
  };
}
