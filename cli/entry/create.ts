import type { Entry } from "../../proto/gen/spire/api/types/Entry.ts";
import { grpcStatus } from "../../transport/index.ts";
import { withChannel } from "../connect.ts";
import type { CommandContext, Finish } from "../context.ts";
import { CommandError, exitCodes } from "../exit-codes.ts";
import { toJson } from "../output.ts";
import { type EntryOptions, fieldsOf, type WaitOptions } from "./fields.ts";
import { readEntries } from "./input.ts";
import { createEntries, type ItemResult, succeeded } from "./mutations.ts";
import { entryFacts } from "./print.ts";
import { waitForDelivery } from "./wait.ts";

export interface CreateOptions extends EntryOptions, WaitOptions {
  readonly entryId?: string;
  readonly node?: boolean;
  readonly file?: string;
}

export async function create(options: CreateOptions, context: CommandContext, finish: Finish): Promise<void> {
  const entries = options.file === undefined ? [entryOfFlags(options)] : await readEntries(options.file, context);
  await withChannel(options.socket, "server", async (channel) => {
    const results = await createEntries(channel, entries);
    const made = results.filter(succeeded).map((result) => result.id);
    const delivery =
      options.wait === true && made.length > 0
        ? await waitForDelivery(channel, made, options.timeout * 1000, context.terminal)
        : undefined;
    if (options.output === "json")
      context.terminal.out(toJson({ results, ...(delivery && { agents: delivery.agents }) }));
    else for (const result of results) printResult(result, context);
    if (results.some((result) => !succeeded(result))) finish(exitCodes.refused);
    else if (delivery !== undefined) finish(delivery.exitCode);
  });
}

function entryOfFlags(options: CreateOptions): Entry {
  const { fields } = fieldsOf(options);
  if (options.node === true && fields.parent_id == null && fields.spiffe_id != null) {
    fields.parent_id = { trust_domain: fields.spiffe_id.trust_domain ?? "", path: "/spire/server" };
  }
  const missing = [
    fields.parent_id == null ? "--parent-id" : "",
    fields.spiffe_id == null ? "--spiffe-id" : "",
    (fields.selectors ?? []).length === 0 ? "--selector" : "",
  ].filter((flag) => flag !== "");
  if (missing.length > 0) {
    throw new CommandError(exitCodes.usage, `missing ${missing.join(", ")}`, "or give entries with --file; see --help");
  }
  return { ...fields, id: options.entryId ?? "" };
}

function printResult(result: ItemResult, { terminal }: CommandContext): void {
  if (succeeded(result) && result.entry !== null) terminal.out(`${entryFacts(result.entry)}\n`);
  else if (result.status.code === grpcStatus.alreadyExists && result.entry !== null) {
    terminal.err("Error: a similar entry exists already:");
    terminal.err(`${entryFacts(result.entry)}\n`);
  } else terminal.err(`Error: not created: ${result.status.message}`);
}
