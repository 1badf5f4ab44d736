import { Certificate } from "../../certs/index.ts";
import type { AttestedNode } from "../../proto/domain/agent.ts";
import type { RevocationCheck, RevocationObstacle } from "../../proto/domain/revocation.ts";
import type { Clock } from "../../runtime/core/index.ts";
import type { AgentSighting, AgentSightings } from "../authorization/index.ts";
import type { AuthorityRecord } from "../domain/authority.ts";
import type { Registry } from "../registry/ports.ts";
import type { ConnectionTable } from "../sync/index.ts";

export interface RevocationSafetyDeps {
  readonly registry: Pick<Registry, "entries" | "nodes">;
  readonly connections: Pick<ConnectionTable, "session" | "hasSynced">;
  readonly sightings: Pick<AgentSightings, "of">;
  /** DER, leaf first: what the TCP listener shows now. */
  readonly ownSvid: () => readonly Uint8Array[];
  /** Seconds; lives where an entry names none. */
  readonly ttls: { readonly x509Svid: number; readonly jwtSvid: number; readonly agent: number };
  readonly clock: Clock;
}

/** An SVID of an agent is known by the trust anchor that its connection was verified under. */
function trustAnchorIds(authorities: readonly AuthorityRecord[]): ReadonlySet<string> {
  return new Set(authorities.map(({ id, upstreamId }) => (upstreamId === "" ? id : upstreamId)));
}

/** What still rests on tainted authorities, of one kind and, where there is one, below one trust anchor. */
export function checkRevocation(deps: RevocationSafetyDeps, authorities: readonly AuthorityRecord[]): RevocationCheck {
  const nowSeconds = deps.clock.now() / 1000;
  const [first] = authorities;
  if (first === undefined) return { obstacles: [], unknowns: [] };
  const check = first.kind === "jwt" ? jwtCheck(deps, authorities) : x509Check(deps, authorities);
  return { ...check, obstacles: check.obstacles.filter(({ until }) => nowSeconds < until) };
}

/** Nothing was signed after it was tainted, and nothing outlives its issuer. */
function lastEnd(authorities: readonly AuthorityRecord[], longestTtl: number): number {
  return Math.max(...authorities.map(({ changedAt, notAfter }) => Math.min(notAfter, changedAt + longestTtl)));
}

function jwtCheck(deps: RevocationSafetyDeps, authorities: readonly AuthorityRecord[]): RevocationCheck {
  let longest = deps.ttls.jwtSvid;
  for (const { jwtSvidTtl } of deps.registry.entries()) longest = Math.max(longest, jwtSvidTtl);
  const message = "JWT-SVIDs that it signed may still be in use: nobody can call tokens back";
  const until = lastEnd(authorities, longest);
  const unknowns = ["JWT-SVIDs minted by hand may live longer than those of entries"];
  return { obstacles: [{ reason: "jwt_svids", message, agentId: undefined, until }], unknowns };
}

function x509Check(deps: RevocationSafetyDeps, authorities: readonly AuthorityRecord[]): RevocationCheck {
  const anchorIds = trustAnchorIds(authorities);
  let longest = Math.max(deps.ttls.x509Svid, deps.ttls.agent);
  const downstream: string[] = [];
  for (const entry of deps.registry.entries()) {
    longest = Math.max(longest, entry.x509SvidTtl);
    if (entry.downstream) downstream.push(entry.spiffeId.toString());
  }
  const until = lastEnd(authorities, longest);
  const end = Math.max(...authorities.map(({ notAfter }) => notAfter));
  const taintedMs = Math.max(...authorities.map(({ changedAt }) => changedAt)) * 1000;
  const obstacles: RevocationObstacle[] = [];
  let polling = 0;
  for (const node of deps.registry.nodes()) {
    if (node.banned) continue;
    const found = obstacleOf(deps, node, anchorIds, taintedMs);
    if (found === "unknown") polling += 1;
    else if (found !== undefined) obstacles.push({ ...found, agentId: node.id, until });
  }
  if (deps.ownSvid().some((der) => anchorIds.has(Certificate.parse(der).authorityKeyId ?? ""))) {
    const message = "this server's own SVID rests on it: agents could not connect any more";
    obstacles.unshift({ reason: "server_svid", message, agentId: undefined, until: end });
  }
  return { obstacles, unknowns: unknownsOf(polling, downstream) };
}

function obstacleOf(
  deps: RevocationSafetyDeps,
  node: AttestedNode,
  anchorIds: ReadonlySet<string>,
  taintedMs: number,
): Pick<RevocationObstacle, "reason" | "message"> | "unknown" | undefined {
  const { connections } = deps;
  const sighting = lastSighting(deps, node);
  const session = connections.session(node.id);
  if (session !== undefined) {
    if (sighting === undefined || anchorIds.has(sighting.authorityId)) {
      return { reason: "agent_svid", message: "the agent's own SVID rests on it" };
    }
    if (session.hasReplaced(anchorIds)) return undefined;
    return { reason: "workload_svids", message: "the agent has not replaced all of its workloads' SVIDs yet" };
  }
  const isBack = sighting !== undefined && sighting.seenMs > taintedMs && !anchorIds.has(sighting.authorityId);
  if (isBack && !node.syncs && !connections.hasSynced(node.id)) return "unknown";
  return { reason: "agent_away", message: `the agent is not connected: ${whatMayRest(sighting, anchorIds)}` };
}

/** By this server since it started, or what the store knows from before and from other servers. */
function lastSighting({ sightings }: RevocationSafetyDeps, node: AttestedNode): AgentSighting | undefined {
  const seen = sightings.of(node.id.toString());
  if (node.authorityId === "" || (seen !== undefined && seen.seenMs >= node.seenAt * 1000)) return seen;
  return { authorityId: node.authorityId, seenMs: node.seenAt * 1000 };
}

function whatMayRest(sighting: AgentSighting | undefined, anchorIds: ReadonlySet<string>): string {
  if (sighting === undefined) return "its SVID and those of its workloads may rest on it";
  if (anchorIds.has(sighting.authorityId)) return "its SVID rests on it, and those of its workloads may";
  return "the SVIDs of its workloads may rest on it";
}

function unknownsOf(polling: number, downstream: readonly string[]): readonly string[] {
  const shown = downstream.slice(0, 8).join(", ");
  const more = downstream.length > 8 ? `, and ${downstream.length - 8} more` : "";
  return [
    ...(polling === 0
      ? []
      : [`${polling} agents poll (as SPIRE's do), and cannot say whether they have replaced their workloads' SVIDs`]),
    ...(downstream.length === 0
      ? []
      : [`downstream servers may hold CA certificates below it, with all that they signed: ${shown}${more}`]),
    "X.509-SVIDs minted by hand, and workloads that do not watch the Workload API, keep what they have",
  ];
}
