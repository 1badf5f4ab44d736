import type { Entry } from "../../proto/gen/spire/api/types/Entry.ts";
import type { EntryMask } from "../../proto/gen/spire/api/types/EntryMask.ts";
import { entryService } from "../../proto/services.ts";
import { type CommandChannel, withServer } from "../connect.ts";
import type { CommandContext, Finish } from "../context.ts";
import { inputError } from "../exit-codes.ts";
import {
  attributesOf,
  type EntryOptions,
  fieldFlags,
  fieldsOf,
  refuseBesideFile,
  requireIdentity,
  type WaitOptions,
} from "./fields.ts";
import { readEntries } from "./input.ts";
import { type ItemResult, succeeded, updateEntries } from "./mutations.ts";
import { entryFacts } from "./print.ts";
import { printRefusedItem } from "./refused-item.ts";
import { deliverAndPrint } from "./wait.ts";

export interface UpdateOptions extends EntryOptions, WaitOptions {
  /** Also write the fields that no flag names. */
  readonly replace?: boolean;
  readonly file?: string;
}

interface Changes {
  readonly entries: readonly Entry[];
  /** `undefined`: every field. */
  readonly mask: EntryMask | undefined;
}

/** From flags only the named fields are written; from a file whole entries are. */
export async function update(
  id: string | undefined,
  options: UpdateOptions,
  context: CommandContext,
  finish: Finish,
): Promise<void> {
  const { entries, mask } = await changesOf(id, options, context);
  await withServer(options, context, async (channel) => {
    const changed = options.file === undefined ? await withAttributes(channel, entries, options) : entries;
    const results = await updateEntries(channel, changed, mask);
    await deliverAndPrint(channel, results, options, context, finish, (result) => printResult(result, context));
  });
}

async function changesOf(id: string | undefined, options: UpdateOptions, context: CommandContext): Promise<Changes> {
  if (options.file !== undefined) {
    const { replace } = options;
    refuseBesideFile([["an entry id", id !== undefined], ...fieldFlags(options), ["--replace", replace === true]]);
    const entries = await readEntries(options.file, context);
    const nameless = entries.flatMap((entry, index) => ((entry.id ?? "") === "" ? [`entry ${index + 1}`] : []));
    if (nameless.length > 0) throw inputError("ERR_ENTRY_FILE", `${options.file}: ${nameless.join(", ")}: has no id`);
    return { entries, mask: undefined };
  }
  if (id === undefined) throw inputError("ERR_USAGE", "which entry? Give its id, or entries with --file");
  const { fields, mask } = fieldsOf(options);
  if (options.replace === true) {
    requireIdentity(fields, "--replace writes the whole entry; without it only what is named changes");
    return { entries: [{ ...fields, id }], mask: undefined };
  }
  if (Object.keys(mask).length === 0)
    throw inputError("ERR_USAGE", "nothing to change: give at least one flag that names a field");
  return { entries: [{ ...fields, id }], mask };
}

/** One attribute changes, the other stays, as SPIRE's own `entry update` does it. */
async function withAttributes(
  channel: CommandChannel,
  entries: readonly Entry[],
  options: UpdateOptions,
): Promise<readonly Entry[]> {
  if (attributesOf(options, undefined) === undefined) return entries;
  return Promise.all(
    entries.map(async (entry) => {
      const existing = await channel.unary(entryService.GetEntry, { id: entry.id ?? "" });
      return { ...entry, additional_attributes: attributesOf(options, existing.additional_attributes) ?? null };
    }),
  );
}

function printResult(result: ItemResult, { terminal }: CommandContext): void {
  if (succeeded(result) && result.entry !== null) terminal.out(`${entryFacts(result.entry)}\n`);
  else printRefusedItem(`${result.id} not updated`, result.status, terminal);
}
