import type { Connection__Output } from "../../proto/gen/countersign/server/sync/v1/Connection.ts";
import type { Agent__Output } from "../../proto/gen/spire/api/types/Agent.ts";
import { agentService, syncService } from "../../proto/services.ts";
import type { RpcChannel } from "../../transport/index.ts";
import { withChannel } from "../connect.ts";
import type { CommandContext } from "../context.ts";
import type { CommonOptions } from "../options.ts";
import { facts, table, time, toJson } from "../output.ts";
import { idText, selectorText, spiffeIdFlag } from "../wire.ts";

export interface ListOptions extends CommonOptions {
  readonly attestationType?: string;
  readonly banned?: boolean;
}

const pageSize = 1000;

export async function list(options: ListOptions, { terminal }: CommandContext): Promise<void> {
  const filter = {
    ...(options.attestationType === undefined ? {} : { by_attestation_type: options.attestationType }),
    ...(options.banned === true ? { by_banned: { value: true } } : {}),
  };
  const { agents, connections } = await withChannel(options.socket, "server", async (channel) => {
    const found: Agent__Output[] = [];
    let token = "";
    do {
      const page = await channel.unary(agentService.ListAgents, { filter, page_size: pageSize, page_token: token });
      found.push(...page.agents);
      token = page.next_page_token;
    } while (token !== "");
    return { agents: found, connections: await connectionsById(channel) };
  });
  if (options.output === "json") {
    const withConnection = agents.map((agent) => ({ ...agent, connection: connections.get(idText(agent.id)) ?? null }));
    terminal.out(toJson({ agents: withConnection, next_page_token: "" }));
  } else if (agents.length === 0) terminal.out("no agents");
  else {
    const rows = agents.map((agent) => [
      idText(agent.id),
      agent.attestation_type,
      agent.banned ? "banned" : time(agent.x509svid_expires_at),
      connectionText(connections.get(idText(agent.id))),
      agent.agent_version,
    ]);
    terminal.out(table(terminal, ["AGENT ID", "ATTESTATION", "EXPIRES", "CONNECTION", "VERSION"], rows));
  }
}

export async function count(options: CommonOptions, { terminal }: CommandContext): Promise<void> {
  const answer = await withChannel(options.socket, "server", (channel) => channel.unary(agentService.CountAgents, {}));
  terminal.out(
    options.output === "json" ? toJson(answer) : `${answer.count} ${answer.count === 1 ? "agent" : "agents"}`,
  );
}

export async function show(id: string, options: CommonOptions, { terminal }: CommandContext): Promise<void> {
  const { agent, connection } = await withChannel(options.socket, "server", async (channel) => {
    const found = await channel.unary(agentService.GetAgent, { id: spiffeIdFlag("agent", id) });
    return { agent: found, connection: (await connectionsById(channel)).get(id) };
  });
  if (options.output === "json") {
    terminal.out(toJson({ ...agent, connection: connection ?? null }));
    return;
  }
  const seen = connection === undefined ? "never by this server" : time(connection.last_seen);
  terminal.out(
    facts([
      ["Agent ID", idText(agent.id)],
      ["Attestation", agent.attestation_type],
      ["Can re-attest", agent.can_reattest ? "yes" : "no"],
      ["Banned", agent.banned ? "yes" : "no"],
      ["SVID expires", time(agent.x509svid_expires_at)],
      ["SVID serial", agent.x509svid_serial_number],
      ["Version", agent.agent_version],
      ["Connection", connectionText(connection)],
      ["Last seen", seen],
      ["Acknowledged", positionText(connection)],
      ["Selectors", agent.selectors.length === 0 ? "none" : agent.selectors.map(selectorText)],
    ]),
  );
}

async function connectionsById(channel: RpcChannel): Promise<ReadonlyMap<string, Connection__Output>> {
  const { connections } = await channel.unary(syncService.ListConnections, {});
  return new Map(connections.map((connection) => [idText(connection.agent_id), connection]));
}

function connectionText(connection: Connection__Output | undefined): string {
  if (connection?.connected !== true) return "not connected";
  const lag = Number(connection.head?.n ?? 0) - Number(connection.acknowledged?.n ?? 0);
  return lag <= 0 ? "connected, current" : `connected, ${lag} behind`;
}

function positionText(connection: Connection__Output | undefined): string {
  return connection?.acknowledged == null
    ? "nothing yet"
    : `${connection.acknowledged.n} of ${connection.head?.n ?? "?"}`;
}
