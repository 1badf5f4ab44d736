import type { Status__Output } from "../../proto/gen/spire/api/types/Status.ts";
import { bundleService } from "../../proto/services.ts";
import { grpcStatus } from "../../transport/index.ts";
import { withServer } from "../connect.ts";
import type { CommandContext, Finish } from "../context.ts";
import { exitCodes } from "../exit-codes.ts";
import { messageOf, readText } from "../input-file.ts";
import type { ServerOptions } from "../options.ts";
import { printable, toJson } from "../output.ts";
import { type BundleFormat, parseBundle, trustDomainFlag } from "./read-bundle.ts";

export interface SetOptions extends ServerOptions {
  readonly id: string;
  readonly format: BundleFormat;
  readonly file: string;
}

export async function set(options: SetOptions, context: CommandContext, finish: Finish): Promise<void> {
  const trustDomain = trustDomainFlag("--id", options.id);
  const { text, unusable } = await readText(options.file, context, "ERR_BUNDLE_FILE");
  const bundle = (() => {
    try {
      return parseBundle(text, options.format, trustDomain);
    } catch (error) {
      throw unusable(messageOf(error));
    }
  })();
  const answer = await withServer(options, context, (channel) =>
    channel.unary(bundleService.BatchSetFederatedBundle, { bundle: [bundle] }),
  );
  report(answer, "set", options, context, finish);
}

/** Numbers of BatchDeleteFederatedBundleRequest.Mode. */
export const deleteModes = { restrict: 0, delete: 1, dissociate: 2 } as const;

const inUseHint =
  "--mode dissociate takes the trust domain out of those entries; --mode delete deletes the entries with the bundle";

export interface DeleteOptions extends ServerOptions {
  readonly id: string;
  readonly mode: keyof typeof deleteModes;
}

export async function remove(options: DeleteOptions, context: CommandContext, finish: Finish): Promise<void> {
  const request = { trust_domains: [trustDomainFlag("--id", options.id).name], mode: deleteModes[options.mode] };
  const answer = await withServer(options, context, (channel) =>
    channel.unary(bundleService.BatchDeleteFederatedBundle, request),
  );
  report(answer, "deleted", options, context, finish);
  const isInUse = answer.results.some(({ status }) => status?.code === grpcStatus.failedPrecondition);
  if (isInUse && options.output !== "json") context.terminal.err(`       ${inUseHint}`);
}

function report(
  answer: { readonly results: readonly { readonly status: Status__Output | null }[] },
  what: "set" | "deleted",
  options: ServerOptions,
  { terminal }: CommandContext,
  finish: Finish,
): void {
  const failed = answer.results.filter(({ status }) => status?.code !== grpcStatus.ok);
  if (options.output === "json") terminal.out(toJson(answer));
  else if (failed.length === 0) terminal.out(`bundle ${what}.`);
  for (const { status } of options.output === "json" ? [] : failed) {
    terminal.err(`Error: bundle not ${what}: ${printable(status?.message ?? "the server gave no status")}`);
  }
  if (failed.length > 0) finish(exitCodes.refused);
}
