import { decodeSpiffeId, encodeSpiffeId } from "../../../proto/convert/spiffe-id.ts";
import { encodeIssueResult, encodeJwtSvid, encodeX509Svid } from "../../../proto/convert/svid.ts";
import { decodeAgentMessage, decodeHello, encodePosition, encodeServerMessage } from "../../../proto/convert/sync.ts";
import type { SyncAck, SyncStatus } from "../../../proto/domain/link.ts";
import type { Connection } from "../../../proto/gen/countersign/server/sync/v1/Connection.ts";
import { healthService, svidService, syncService } from "../../../proto/services.ts";
import { callerOf } from "../../authorization/index.ts";
import type { AgentConnection } from "../../sync/index.ts";
import { checkHealth } from "../health/check.ts";
import { batchNewX509Svid } from "../svid/batch-new-x509-svid.ts";
import { mintJwtSvid } from "../svid/mint-jwt-svid.ts";
import { mintX509Svid } from "../svid/mint-x509-svid.ts";
import { newDownstreamX509Ca } from "../svid/new-downstream-x509-ca.ts";
import { newJwtSvid } from "../svid/new-jwt-svid.ts";
import { listConnections } from "../sync/list-connections.ts";
import { openSync } from "../sync/open.ts";
import { waitApplied } from "../sync/wait-applied.ts";
import { Inbox, type Registration, serveUnary } from "./registration.ts";

export function serveSvidService(to: Registration): void {
  serveUnary(
    to,
    svidService.BatchNewX509SVID,
    batchNewX509Svid,
    ({ params }) => params.map(({ entry_id, csr }) => ({ entryId: entry_id, csrDer: csr })),
    ({ results }) => ({ results: results.map(encodeIssueResult) }),
  );
  serveUnary(
    to,
    svidService.MintX509SVID,
    mintX509Svid,
    ({ csr, ttl }) => ({ csrDer: csr, ttl }),
    ({ svid }) => ({ svid: encodeX509Svid(svid) }),
  );
  serveUnary(
    to,
    svidService.MintJWTSVID,
    mintJwtSvid,
    ({ id, audience, ttl }) => ({ id: decodeSpiffeId(id, "id"), audience, ttl }),
    (svid) => ({ svid: encodeJwtSvid(svid) }),
  );
  serveUnary(
    to,
    svidService.NewJWTSVID,
    newJwtSvid,
    ({ entry_id, audience }) => ({ entryId: entry_id, audience }),
    (svid) => ({ svid: encodeJwtSvid(svid) }),
  );
  serveUnary(
    to,
    svidService.NewDownstreamX509CA,
    newDownstreamX509Ca,
    ({ csr, preferred_ttl }) => ({ csrDer: csr, preferredTtl: preferred_ttl }),
    ({ chain, bundle }) => ({
      ca_cert_chain: [...chain],
      x509_authorities: bundle.x509Authorities.map(({ certificate }) => certificate.der),
    }),
  );
}

export function serveHealthService(to: Registration): void {
  serveUnary(
    to,
    healthService.Check,
    checkHealth,
    ({ service }) => ({ service }),
    (healthy) => ({ status: healthy ? ("SERVING" as const) : ("NOT_SERVING" as const) }),
  );
}

export function serveSyncService(to: Registration): void {
  serveOpen(to);
  serveUnary(
    to,
    syncService.WaitApplied,
    waitApplied,
    ({ entry_ids, timeout_ms }) => ({ entryIds: entry_ids, timeoutMs: timeout_ms }),
    (agents) => ({ agents: agents.map(({ agentId, state }) => ({ agent_id: encodeSpiffeId(agentId), state })) }),
  );
  serveUnary(
    to,
    syncService.ListConnections,
    listConnections,
    () => {},
    (connections) => ({ connections: connections.map(encodeConnection) }),
  );
}

function serveOpen({ router, gate, services }: Registration): void {
  router.bidi(syncService.Open, (messages, context, sink) => {
    const inbox = new Inbox(messages);
    return gate.run(
      openSync,
      callerOf(context.peer),
      context,
      async () => decodeHello(await inbox.first(services.clock)),
      (hello, call) =>
        openSync.handle(services, hello, call, inbound(inbox), (message) => sink.send(encodeServerMessage(message))),
    );
  });
}

/** What newer agents say and this server does not know is left out. */
async function* inbound(
  inbox: Inbox<Parameters<typeof decodeAgentMessage>[0]>,
): AsyncGenerator<SyncAck | SyncStatus, void> {
  for await (const wire of inbox.rest()) {
    const message = decodeAgentMessage(wire);
    if (message !== undefined) yield message;
  }
}

function encodeConnection(connection: AgentConnection): Connection {
  const { status, acknowledged } = connection;
  return {
    agent_id: encodeSpiffeId(connection.agentId),
    connected: connection.connected,
    last_seen: connection.lastSeen,
    head: encodePosition(connection.head),
    agent_version: connection.agentVersion,
    ...(acknowledged === undefined ? {} : { acknowledged: encodePosition(acknowledged) }),
    ...(status === undefined
      ? {}
      : {
          status: {
            x509_svids: status.x509Svids,
            jwt_svids: status.jwtSvids,
            workload_streams: status.workloadStreams,
          },
        }),
  };
}
