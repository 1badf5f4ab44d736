import { encodeAgent, encodeJoinToken } from "../../../proto/convert/agent.ts";
import { decodeAttestStart, decodeChallengeResponse, encodeAttestStep } from "../../../proto/convert/attest.ts";
import { decodeAgentFilter } from "../../../proto/convert/filter.ts";
import { decodeMask } from "../../../proto/convert/mask.ts";
import { decodeSpiffeId } from "../../../proto/convert/spiffe-id.ts";
import { encodeX509Svid } from "../../../proto/convert/svid.ts";
import { agentService } from "../../../proto/services.ts";
import { commonErrors } from "../../../transport/index.ts";
import { callerOf } from "../../authorization/index.ts";
import { attestAgent } from "../agent/attest-agent.ts";
import { banAgent } from "../agent/ban-agent.ts";
import { countAgents } from "../agent/count-agents.ts";
import { createJoinToken } from "../agent/create-join-token.ts";
import { deleteAgent } from "../agent/delete-agent.ts";
import { getAgent } from "../agent/get-agent.ts";
import { listAgents } from "../agent/list-agents.ts";
import { postStatus } from "../agent/post-status.ts";
import { renewAgent } from "../agent/renew-agent.ts";
import { readPage } from "./page.ts";
import { Inbox, type Registration, serveUnary } from "./registration.ts";

export function serveAgentService(to: Registration): void {
  serveAttestAgent(to);
  serveUnary(
    to,
    agentService.CountAgents,
    countAgents,
    ({ filter }) => ({ filter: decodeAgentFilter(filter) }),
    (count) => ({ count }),
  );
  serveUnary(
    to,
    agentService.ListAgents,
    listAgents,
    (wire) => ({ filter: decodeAgentFilter(wire.filter), page: readPage(wire) }),
    ({ items, nextPageToken }, { output_mask }) => {
      const mask = decodeMask(output_mask);
      return { agents: items.map((node) => encodeAgent(node, mask)), next_page_token: nextPageToken };
    },
  );
  serveUnary(
    to,
    agentService.GetAgent,
    getAgent,
    ({ id }) => ({ id: decodeSpiffeId(id, "id") }),
    (node, { output_mask }) => encodeAgent(node, decodeMask(output_mask)),
  );
  serveUnary(
    to,
    agentService.DeleteAgent,
    deleteAgent,
    ({ id }) => ({ id: decodeSpiffeId(id, "id") }),
    () => ({}),
  );
  serveUnary(
    to,
    agentService.BanAgent,
    banAgent,
    ({ id }) => ({ id: decodeSpiffeId(id, "id") }),
    () => ({}),
  );
  serveUnary(
    to,
    agentService.RenewAgent,
    renewAgent,
    ({ params }) => {
      if (params === null) throw commonErrors.error("ERR_MALFORMED_REQUEST", "params cannot be nil");
      return { csrDer: params.csr };
    },
    (svid) => ({ svid: encodeX509Svid(svid) }),
  );
  serveUnary(
    to,
    agentService.CreateJoinToken,
    createJoinToken,
    ({ ttl, token, agent_id }) => ({
      ttl,
      value: token,
      agentId: agent_id === null ? undefined : decodeSpiffeId(agent_id, "agent_id"),
    }),
    encodeJoinToken,
  );
  serveUnary(
    to,
    agentService.PostStatus,
    postStatus,
    ({ agent_version }) => ({ agentVersion: agent_version }),
    () => ({}),
  );
}

/** The first message carries everything; later ones answer challenges. The result is the last message. */
function serveAttestAgent({ router, gate, services }: Registration): void {
  router.bidi(agentService.AttestAgent, async (messages, context, sink) => {
    const inbox = new Inbox(messages);
    const result = await gate.run(
      attestAgent,
      callerOf(context.peer),
      context,
      async () => decodeAttestStart(await inbox.first(services.clock)),
      (request, call) =>
        attestAgent.handle(services, request, call, async (challenge) => {
          await sink.send(encodeAttestStep({ kind: "challenge", challenge }));
          return decodeChallengeResponse(await inbox.next());
        }),
    );
    await sink.send(encodeAttestStep({ kind: "result", result }));
  });
}
