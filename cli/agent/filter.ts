import type { _spire_api_server_agent_v1_ListAgentsRequest_Filter as Filter } from "../../proto/gen/spire/api/server/agent/v1/ListAgentsRequest.ts";
import type { Agent__Output } from "../../proto/gen/spire/api/types/Agent.ts";
import { agentService } from "../../proto/services.ts";
import type { CommandChannel } from "../connect.ts";
import { inputError } from "../exit-codes.ts";
import { type SelectorMatching, type ServerOptions, selectorMatchings } from "../options.ts";
import { selectorFlag } from "../wire.ts";

export interface FilterOptions extends ServerOptions {
  readonly selector?: readonly string[];
  readonly matchSelectorsOn: SelectorMatching;
  readonly attestationType?: string;
  readonly banned?: boolean;
  readonly canReattest?: boolean;
  readonly expiresBefore?: string;
}

const pageSize = 1000;

export function filterOf(options: FilterOptions): Filter {
  const { attestationType, banned, canReattest, expiresBefore } = options;
  const selectors = options.selector?.map((text) => selectorFlag("--selector", text)) ?? [];
  const match = selectorMatchings[options.matchSelectorsOn];
  return {
    ...(attestationType === undefined ? {} : { by_attestation_type: attestationType }),
    ...(selectors.length === 0 ? {} : { by_selector_match: { selectors, match } }),
    ...(banned === undefined ? {} : { by_banned: { value: banned } }),
    ...(canReattest === undefined ? {} : { by_can_reattest: { value: canReattest } }),
    ...(expiresBefore === undefined ? {} : { by_expires_before: wireTime(expiresBefore) }),
  };
}

/** All that match, page after page. */
export async function everyAgent(channel: CommandChannel, filter: Filter): Promise<readonly Agent__Output[]> {
  const agents: Agent__Output[] = [];
  let token = "";
  do {
    const page = await channel.unary(agentService.ListAgents, { filter, page_size: pageSize, page_token: token });
    agents.push(...page.agents);
    token = page.next_page_token;
  } while (token !== "");
  return agents;
}

const spireTime = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} [+-]\d\d(?:\d\d)?$/;
const isoTime = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d)(?:Z|\+00:00))?$/;

/** The wire has the time as SPIRE's command line writes it. */
function wireTime(text: string): string {
  if (spireTime.test(text)) return text;
  const iso = isoTime.exec(text);
  if (iso !== null) return `${iso[1]} ${iso[2] ?? "00:00:00"} +0000 +00`;
  const hint = 'write it as 2026-01-31, 2026-01-31T12:00:00Z, or as SPIRE does: "2026-01-31 12:00:00 +0000 +00"';
  throw inputError("ERR_USAGE", `--expires-before: ${text} is no time`, hint);
}
