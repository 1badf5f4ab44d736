import type { FederationRelationship__Output } from "../../proto/gen/spire/api/types/FederationRelationship.ts";
import { trustDomainService } from "../../proto/services.ts";
import { trustDomainFlag } from "../bundle/read-bundle.ts";
import { withServer } from "../connect.ts";
import type { CommandContext } from "../context.ts";
import type { ServerOptions } from "../options.ts";
import { toJson } from "../output.ts";
import { federationFacts, federationJson } from "./print.ts";

const pageSize = 100;

export async function list(options: ServerOptions, context: CommandContext): Promise<void> {
  const found = await withServer(options, context, async (channel) => {
    const relationships: FederationRelationship__Output[] = [];
    let token = "";
    do {
      const request = { page_size: pageSize, page_token: token };
      const page = await channel.unary(trustDomainService.ListFederationRelationships, request);
      relationships.push(...page.federation_relationships);
      token = page.next_page_token;
    } while (token !== "");
    return relationships;
  });
  const { terminal } = context;
  if (options.output === "json") {
    terminal.out(toJson({ federation_relationships: found.map(federationJson), next_page_token: "" }));
  } else if (found.length === 0) terminal.out("no federation relationships");
  else terminal.out(found.map(federationFacts).join("\n\n"));
}

export async function show(name: string, options: ServerOptions, context: CommandContext): Promise<void> {
  const trust_domain = trustDomainFlag("the trust domain", name).name;
  const relationship = await withServer(options, context, (channel) =>
    channel.unary(trustDomainService.GetFederationRelationship, { trust_domain }),
  );
  context.terminal.out(
    options.output === "json" ? toJson(federationJson(relationship)) : federationFacts(relationship),
  );
}

export async function refresh(name: string, options: ServerOptions, context: CommandContext): Promise<void> {
  const trust_domain = trustDomainFlag("the trust domain", name).name;
  await withServer(options, context, (channel) => channel.unary(trustDomainService.RefreshBundle, { trust_domain }));
  context.terminal.out(options.output === "json" ? "{}" : "Bundle refreshed");
}
