import type { Bundle__Output } from "../../proto/gen/spire/api/types/Bundle.ts";
import { bundleService } from "../../proto/services.ts";
import { withServer } from "../connect.ts";
import type { CommandContext } from "../context.ts";
import type { ServerOptions } from "../options.ts";
import { toJson } from "../output.ts";
import { bundlesText, bundleText } from "./print.ts";
import { type BundleFormat, trustDomainFlag } from "./read-bundle.ts";

export interface ListOptions extends ServerOptions {
  readonly id?: string;
  readonly format: BundleFormat;
}

const pageSize = 100;

export async function list(options: ListOptions, context: CommandContext): Promise<void> {
  const { terminal } = context;
  if (options.id !== undefined) {
    const trust_domain = trustDomainFlag("--id", options.id).name;
    const bundle = await withServer(options, context, (channel) =>
      channel.unary(bundleService.GetFederatedBundle, { trust_domain }),
    );
    terminal.out(options.output === "json" ? toJson(bundle) : bundleText(bundle, options.format));
    return;
  }
  const bundles = await everyBundle(options, context);
  if (options.output === "json") terminal.out(toJson({ bundles, next_page_token: "" }));
  else terminal.out(bundles.length === 0 ? "no federated bundles" : bundlesText(bundles, options.format));
}

export async function count(options: ServerOptions, context: CommandContext): Promise<void> {
  const answer = await withServer(options, context, (channel) => channel.unary(bundleService.CountBundles, {}));
  context.terminal.out(
    options.output === "json" ? toJson(answer) : `${answer.count} ${answer.count === 1 ? "bundle" : "bundles"}`,
  );
}

function everyBundle(options: ServerOptions, context: CommandContext): Promise<readonly Bundle__Output[]> {
  return withServer(options, context, async (channel) => {
    const bundles: Bundle__Output[] = [];
    let token = "";
    do {
      const request = { page_size: pageSize, page_token: token };
      const page = await channel.unary(bundleService.ListFederatedBundles, request);
      bundles.push(...page.bundles);
      token = page.next_page_token;
    } while (token !== "");
    return bundles;
  });
}
