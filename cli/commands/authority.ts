import type { Command } from "commander";
import type { AuthorityOptions, LocalKind } from "../authority/local.ts";
import type { RevokeOptions } from "../authority/revoke.ts";
import type { UpstreamOptions } from "../authority/upstream.ts";
import type { CommandContext } from "../context.ts";
import { parseLife, type ServerOptions, withServerSocket } from "../options.ts";
import { withExamples } from "./examples.ts";

const kinds = { x509: "X.509 CA", jwt: "JWT key" } as const;

export function addAuthorityCommands(program: Command, context: CommandContext): void {
  const local = program
    .command("localauthority")
    .description("rotate, taint and revoke the server's signing authorities");
  addKind(local, "x509", context);
  addKind(local, "jwt", context);
  const upstream = program
    .command("upstreamauthority")
    .description("taint and revoke an authority above this server's");
  addUpstream(upstream, context);
}

function addKind(local: Command, kind: LocalKind, context: CommandContext): void {
  const group = local.command(kind).description(`the server's ${kinds[kind]}s`);
  const named = (verb: string, description: string): Command =>
    withId(group.command(verb).description(description), "authority-id");
  const path = `localauthority ${kind}`;
  withExamples(
    withServerSocket(group.command("show").description("the active, the prepared and the last old one"), context),
    `${path} show`,
  ).action(async (options: ServerOptions) => (await import("../authority/local.ts")).show(kind, options, context));
  withExamples(
    withServerSocket(
      group.command("prepare").description("make a new one and publish it; it does not sign yet"),
      context,
    ),
    `${path} prepare`,
  ).action(async (options: ServerOptions) => (await import("../authority/local.ts")).prepare(kind, options, context));
  withExamples(
    withServerSocket(named("activate", "let the prepared one sign; the active one becomes old"), context),
    `${path} activate --authority-id ID`,
  ).action(async (options: AuthorityOptions) =>
    (await import("../authority/local.ts")).activate(kind, options, context),
  );
  withExamples(
    withServerSocket(named("taint", "distrust an old one: everything it signed is replaced"), context),
    `${path} taint --authority-id ID`,
  ).action(async (options: AuthorityOptions) => (await import("../authority/local.ts")).taint(kind, options, context));
  withExamples(
    withServerSocket(
      withWait(named("revoke", "take a tainted one out of the bundle, once nothing rests on it")),
      context,
    ),
    `${path} revoke --authority-id ID`,
    `${path} revoke --authority-id ID --timeout 0`,
    `${path} revoke --authority-id ID --force`,
  ).action(async ({ authorityId: id, ...options }: AuthorityOptions & RevokeOptions) =>
    (await import("../authority/revoke.ts")).revoke({ kind, id }, options, context),
  );
}

function addUpstream(upstream: Command, context: CommandContext): void {
  const named = (verb: string, description: string): Command =>
    withId(upstream.command(verb).description(description), "subject-key-id");
  withExamples(
    withServerSocket(named("taint", "distrust an authority above: everything that rests on it is replaced"), context),
    "upstreamauthority taint --subject-key-id ID",
  ).action(async (options: UpstreamOptions) => (await import("../authority/upstream.ts")).taint(options, context));
  withExamples(
    withServerSocket(
      withWait(named("revoke", "take a tainted one out of the bundle, once nothing rests on it")),
      context,
    ),
    "upstreamauthority revoke --subject-key-id ID",
  ).action(async ({ subjectKeyId: id, ...options }: UpstreamOptions & RevokeOptions) =>
    (await import("../authority/revoke.ts")).revoke({ kind: "upstream", id }, options, context),
  );
}

function withId(command: Command, flag: string): Command {
  return command.requiredOption(`--${flag} <id>`, "which one, as `localauthority x509 show` or `jwt show` names it");
}

function withWait(command: Command): Command {
  return command
    .option("--timeout <life>", "how long to wait until nothing rests on it; 0: not at all", parseLife, 90)
    .option("--force", "do not wait: whatever still rests on it is refused from then on");
}
