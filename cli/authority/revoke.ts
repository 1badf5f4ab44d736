import type { CheckRevocationResponse__Output } from "../../proto/gen/countersign/server/localauthority/v1/CheckRevocationResponse.ts";
import type { Obstacle__Output } from "../../proto/gen/countersign/server/localauthority/v1/Obstacle.ts";
import type { RevokeResponse__Output } from "../../proto/gen/countersign/server/localauthority/v1/RevokeResponse.ts";
import { localAuthorityService, revocationService as service } from "../../proto/services.ts";
import { systemClock } from "../../runtime/core/index.ts";
import { ServiceError } from "../../transport/index.ts";
import { type CommandChannel, withServer } from "../connect.ts";
import type { CommandContext } from "../context.ts";
import { CommandError, exitCodes } from "../exit-codes.ts";
import type { ServerOptions } from "../options.ts";
import { facts, printable, time, toJson } from "../output.ts";
import { idText } from "../wire.ts";
import { section } from "./local.ts";

export interface RevokeOptions extends ServerOptions {
  /** Seconds to wait until nothing rests on the authority. */
  readonly timeout: number;
  readonly force?: true;
}

interface Authority {
  readonly kind: "x509" | "jwt" | "upstream";
  readonly id: string;
}

const lookEveryMs = 1_000;
const namedMax = 20;

/** Revokes once nothing is known to rest on the authority; at the end of the wait says what still does. */
export async function revoke(authority: Authority, options: RevokeOptions, context: CommandContext): Promise<void> {
  const answer = await withServer(options, context, async (channel) => {
    try {
      if (options.force !== true) await untilSafe(channel, authority, options.timeout, context);
      return await channel.unary(service.Revoke, { authority, force: options.force === true });
    } catch (error) {
      if (!(error instanceof ServiceError) || error.status !== "unimplemented") throw error;
      return revokeAtSpire(channel, authority);
    }
  });
  const { revoked_authority: revoked, obstacles, unknowns } = answer;
  if (options.output === "json") {
    // As SPIRE prints it.
    const id = { upstream_authority_subject_key_id: revoked?.authority_id ?? "" };
    context.terminal.out(toJson(authority.kind === "upstream" ? id : { revoked_authority: revoked }));
    return;
  }
  const cut = obstacles.length === 0 ? [] : ["", "Cut off:", ...lines(obstacles)];
  const notes = unknowns.length === 0 ? [] : ["", "Not known:", ...unknowns.map((one) => `  ${printable(one)}`)];
  const title =
    authority.kind === "upstream"
      ? facts([["Revoked upstream authority", revoked?.authority_id ?? ""]])
      : section("Revoked", revoked);
  context.terminal.out([title, ...cut, ...notes].join("\n"));
}

/** A SPIRE server cannot say what rests on an authority, and revokes at once. */
async function revokeAtSpire(channel: CommandChannel, { kind, id }: Authority): Promise<RevokeResponse__Output> {
  const unknowns = ["what still rested on it: a SPIRE server does not say, and revokes at once"];
  if (kind === "upstream") {
    await channel.unary(localAuthorityService.RevokeX509UpstreamAuthority, { subject_key_id: id });
    const revoked = { authority_id: id, expires_at: "0", upstream_authority_subject_key_id: "" };
    return { revoked_authority: revoked, obstacles: [], unknowns };
  }
  const request = { authority_id: id };
  const answer =
    kind === "x509"
      ? await channel.unary(localAuthorityService.RevokeX509Authority, request)
      : await channel.unary(localAuthorityService.RevokeJWTAuthority, request);
  return { ...answer, obstacles: [], unknowns };
}

async function untilSafe(
  channel: CommandChannel,
  authority: Authority,
  timeoutSeconds: number,
  { terminal }: CommandContext,
): Promise<void> {
  const endMs = systemClock.monotonic() + timeoutSeconds * 1000;
  let said = "";
  for (;;) {
    const check = await channel.unary(service.CheckRevocation, { authority });
    if (check.safe) return;
    const leftMs = endMs - systemClock.monotonic();
    if (leftMs <= 0) throw unsafe(check, timeoutSeconds);
    const text = `waiting for ${check.obstacles.length} that still rest on it; --force does not wait`;
    if (text !== said) terminal.err(text);
    said = text;
    await systemClock.sleep(Math.min(lookEveryMs, leftMs));
  }
}

function unsafe({ obstacles }: CheckRevocationResponse__Output, timeoutSeconds: number): CommandError {
  const message = ["not revoked: something still rests on this authority", ...lines(obstacles)].join("\n");
  return new CommandError(timeoutSeconds === 0 ? exitCodes.refused : exitCodes.timedOut, message, {
    code: "ERR_REVOCATION_UNSAFE",
    hint: "wait longer (--timeout), see to what is named, or cut it off (--force)",
  });
}

function lines(obstacles: readonly Obstacle__Output[]): readonly string[] {
  const named = obstacles.slice(0, namedMax).map(({ agent_id: id, message, until }) => {
    const who = id === null ? "" : `${idText(id)}: `;
    return `  ${printable(`${who}${message}`)} (until ${time(until)} at the latest)`;
  });
  return obstacles.length > namedMax ? [...named, `  and ${obstacles.length - namedMax} more`] : named;
}
