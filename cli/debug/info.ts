import type { _spire_api_server_debug_v1_GetInfoResponse_Cert__Output as Certificate } from "../../proto/gen/spire/api/server/debug/v1/GetInfoResponse.ts";
import { agentDebugService, debugService } from "../../proto/services.ts";
import { withChannel } from "../connect.ts";
import type { CommandContext } from "../context.ts";
import type { CommonOptions } from "../options.ts";
import { facts, life, time, toJson } from "../output.ts";
import { idText } from "../wire.ts";

export async function serverInfo({ socket, output }: CommonOptions, { terminal }: CommandContext): Promise<void> {
  const info = await withChannel(socket, "server", (channel) => channel.unary(debugService.GetInfo, {}));
  if (output === "json") terminal.out(toJson(info));
  else {
    terminal.out(
      facts([
        ["Uptime", uptime(info.uptime)],
        ["Agents", String(info.agents_count)],
        ["Entries", String(info.entries_count)],
        ["Federated bundles", String(info.federated_bundles_count)],
        ["SVID chain", info.svid_chain.map(certificateText)],
      ]),
    );
  }
}

export async function agentInfo({ socket, output }: CommonOptions, { terminal }: CommandContext): Promise<void> {
  const info = await withChannel(socket, "agent", (channel) => channel.unary(agentDebugService.GetInfo, {}));
  if (output === "json") terminal.out(toJson(info));
  else {
    terminal.out(
      facts([
        ["Uptime", uptime(info.uptime)],
        ["Last sync", time(info.last_sync_success)],
        ["X.509-SVIDs held", String(info.cached_x509_svids_count)],
        ["JWT-SVIDs held", String(info.cached_jwt_svids_count)],
        ["SVID chain", info.svid_chain.map(certificateText)],
      ]),
    );
  }
}

function uptime(seconds: number): string {
  return seconds === 0 ? "0s" : life(seconds);
}

function certificateText({ id, expires_at, subject }: Certificate): string {
  return `${idText(id)}, until ${time(expires_at)}, ${subject}`;
}
