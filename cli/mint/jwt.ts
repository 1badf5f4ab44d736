import { svidService } from "../../proto/services.ts";
import { withServer } from "../connect.ts";
import type { CommandContext } from "../context.ts";
import type { ServerOptions } from "../options.ts";
import { toJson } from "../output.ts";
import { spiffeIdFlag } from "../wire.ts";
import { writeFiles } from "../write-files.ts";
import { capped } from "./capped.ts";

export interface MintJwtOptions extends ServerOptions {
  readonly spiffeId: string;
  readonly audience: readonly string[];
  /** Seconds; 0 = the server's default. */
  readonly ttl: number;
  readonly write?: string;
}

export async function mintJwt(options: MintJwtOptions, context: CommandContext): Promise<void> {
  const id = spiffeIdFlag("--spiffe-id", options.spiffeId);
  const request = { id, audience: [...options.audience], ttl: options.ttl };
  const answer = await withServer(options, context, (channel) => channel.unary(svidService.MintJWTSVID, request));
  const { terminal } = context;
  const { token = "", expires_at: expiresAt = "0" } = answer.svid ?? {};
  for (const warning of capped(options.ttl, expiresAt)) terminal.err(warning);
  if (options.write === undefined) {
    terminal.out(options.output === "json" ? toJson(answer) : token);
    return;
  }
  await writeFiles([{ path: options.write, content: token, mode: 0o600 }]);
  terminal.out(options.output === "json" ? toJson({ written: [options.write] }) : `written: ${options.write}`);
}
