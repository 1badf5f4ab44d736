import { localAuthorityService as service } from "../../proto/services.ts";
import { withServer } from "../connect.ts";
import type { CommandContext } from "../context.ts";
import type { ServerOptions } from "../options.ts";
import { facts, toJson } from "../output.ts";

export interface UpstreamOptions extends ServerOptions {
  readonly subjectKeyId: string;
}

export async function taint(options: UpstreamOptions, context: CommandContext): Promise<void> {
  const request = { subject_key_id: options.subjectKeyId };
  const answer = await withServer(options, context, (channel) =>
    channel.unary(service.TaintX509UpstreamAuthority, request),
  );
  const { upstream_authority_subject_key_id: id } = answer;
  context.terminal.out(options.output === "json" ? toJson(answer) : facts([["Tainted upstream authority", id]]));
}
