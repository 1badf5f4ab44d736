import type { AuthorityState__Output } from "../../proto/gen/spire/api/server/localauthority/v1/AuthorityState.ts";
import { bundleService, localAuthorityService as service } from "../../proto/services.ts";
import { type CommandChannel, withServer } from "../connect.ts";
import type { CommandContext } from "../context.ts";
import { authoritiesOf } from "../migrate/trust/authority.ts";
import type { ServerOptions } from "../options.ts";
import { facts, time, toJson } from "../output.ts";

export type LocalKind = "x509" | "jwt";

export interface AuthorityOptions extends ServerOptions {
  readonly authorityId: string;
}

type State = AuthorityState__Output | null;

/** Prints the answer as it is, or what `pretty` makes of it. */
async function call<Answer>(
  options: ServerOptions,
  context: CommandContext,
  ask: (channel: CommandChannel) => Promise<Answer>,
  pretty: (answer: Answer) => string,
): Promise<void> {
  const answer = await withServer(options, context, ask);
  context.terminal.out(options.output === "json" ? toJson(answer) : pretty(answer));
}

export function show(kind: LocalKind, options: ServerOptions, context: CommandContext): Promise<void> {
  let isTainted = false;
  return call(
    options,
    context,
    async (channel) => {
      const answer =
        kind === "x509"
          ? await channel.unary(service.GetX509AuthorityState, {})
          : await channel.unary(service.GetJWTAuthorityState, {});
      isTainted = options.output !== "json" && answer.old !== null && (await isTaintedIn(channel, answer.old));
      return answer;
    },
    ({ active, prepared, old }) =>
      [section("Active", active), section("Prepared", prepared), section(isTainted ? "Old, tainted" : "Old", old)].join(
        "\n\n",
      ),
  );
}

/** The state on the wire does not say; the bundle does, of the authority itself or of the one above. */
async function isTaintedIn(channel: CommandChannel, old: AuthorityState__Output): Promise<boolean> {
  const bundle = await channel.unary(bundleService.GetBundle, {});
  const ids = [old.authority_id, old.upstream_authority_subject_key_id];
  return authoritiesOf(bundle).some(
    (authority) =>
      authority.tainted && ids.includes(authority.kind === "jwt" ? authority.keyId : authority.subjectKeyId),
  );
}

export function prepare(kind: LocalKind, options: ServerOptions, context: CommandContext): Promise<void> {
  return call(
    options,
    context,
    (channel) =>
      kind === "x509"
        ? channel.unary(service.PrepareX509Authority, {})
        : channel.unary(service.PrepareJWTAuthority, {}),
    ({ prepared_authority: prepared }) =>
      `${section("Prepared", prepared)}\n\nIt is in the bundle; "localauthority ${kind} activate" lets it sign.`,
  );
}

export function activate(kind: LocalKind, options: AuthorityOptions, context: CommandContext): Promise<void> {
  const request = { authority_id: options.authorityId };
  return call(
    options,
    context,
    (channel) =>
      kind === "x509"
        ? channel.unary(service.ActivateX509Authority, request)
        : channel.unary(service.ActivateJWTAuthority, request),
    ({ activated_authority: activated }) => section("Activated", activated),
  );
}

export function taint(kind: LocalKind, options: AuthorityOptions, context: CommandContext): Promise<void> {
  const request = { authority_id: options.authorityId };
  return call(
    options,
    context,
    (channel) =>
      kind === "x509"
        ? channel.unary(service.TaintX509Authority, request)
        : channel.unary(service.TaintJWTAuthority, request),
    ({ tainted_authority: tainted }) =>
      `${section("Tainted", tainted)}\n\nWhat it signed is being replaced; "localauthority ${kind} revoke" waits for that.`,
  );
}

export function section(title: string, state: State): string {
  if (state === null) return `${title}: none`;
  const { authority_id: id, expires_at: end, upstream_authority_subject_key_id: above } = state;
  const pairs = [
    ["  Authority ID", id],
    ...(Number(end) === 0 ? [] : [["  Expires", time(end)] as const]),
    ...(above === "" ? [] : [["  Upstream authority", above] as const]),
  ] as const;
  return `${title}:\n${facts(pairs)}`;
}
