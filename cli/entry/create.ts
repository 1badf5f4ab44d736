import type { Entry } from "../../proto/gen/spire/api/types/Entry.ts";
import { grpcStatus } from "../../transport/index.ts";
import { withServer } from "../connect.ts";
import type { CommandContext, Finish } from "../context.ts";
import {
  type EntryOptions,
  fieldFlags,
  fieldsOf,
  refuseBesideFile,
  requireIdentity,
  type WaitOptions,
} from "./fields.ts";
import { readEntries } from "./input.ts";
import { createEntries, type ItemResult, succeeded } from "./mutations.ts";
import { entryFacts } from "./print.ts";
import { printRefusedItem } from "./refused-item.ts";
import { warnOfSelectors } from "./selector-warnings.ts";
import { deliverAndPrint } from "./wait.ts";

export interface CreateOptions extends EntryOptions, WaitOptions {
  readonly entryId?: string;
  readonly node?: boolean;
  readonly file?: string;
}

export async function create(options: CreateOptions, context: CommandContext, finish: Finish): Promise<void> {
  const entries = await entriesOf(options, context);
  warnOfSelectors(entries, options.output, context.terminal);
  await withServer(options, context, async (channel) => {
    const results = await createEntries(channel, entries);
    await deliverAndPrint(channel, results, options, context, finish, (result) => printResult(result, context));
  });
}

async function entriesOf(options: CreateOptions, context: CommandContext): Promise<readonly Entry[]> {
  if (options.file === undefined) return [entryOfFlags(options)];
  const { entryId, node } = options;
  refuseBesideFile([...fieldFlags(options), ["--entry-id", entryId !== undefined], ["--node", node === true]]);
  return readEntries(options.file, context);
}

function entryOfFlags(options: CreateOptions): Entry {
  const { fields } = fieldsOf(options);
  if (options.node === true && fields.parent_id == null && fields.spiffe_id != null) {
    fields.parent_id = { trust_domain: fields.spiffe_id.trust_domain ?? "", path: "/spire/server" };
  }
  requireIdentity(fields, "or give entries with --file; see --help");
  return { ...fields, id: options.entryId ?? "" };
}

function printResult(result: ItemResult, { terminal }: CommandContext): void {
  if (succeeded(result) && result.entry !== null) terminal.out(`${entryFacts(result.entry)}\n`);
  else {
    printRefusedItem("not created", result.status, terminal);
    const isInTheWay = result.status.code === grpcStatus.alreadyExists && result.entry !== null;
    if (isInTheWay) terminal.err(`The entry in the way:\n${entryFacts(result.entry)}\n`);
  }
}
