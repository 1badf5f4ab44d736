import type { Entry } from "../../proto/gen/spire/api/types/Entry.ts";
import type { EntryMask } from "../../proto/gen/spire/api/types/EntryMask.ts";
import { withServer } from "../connect.ts";
import type { CommandContext, Finish } from "../context.ts";
import { inputError } from "../exit-codes.ts";
import { printable } from "../output.ts";
import { type EntryOptions, fieldFlags, fieldsOf, refuseBesideFile, type WaitOptions } from "./fields.ts";
import { readEntries } from "./input.ts";
import { type ItemResult, succeeded, updateEntries } from "./mutations.ts";
import { entryFacts } from "./print.ts";
import { deliverAndPrint } from "./wait.ts";

export interface UpdateOptions extends EntryOptions, WaitOptions {
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
    const results = await updateEntries(channel, entries, mask);
    await deliverAndPrint(channel, results, options, context, finish, (result) => printResult(result, context));
  });
}

async function changesOf(id: string | undefined, options: UpdateOptions, context: CommandContext): Promise<Changes> {
  if (options.file !== undefined) {
    refuseBesideFile([["an entry id", id !== undefined], ...fieldFlags(options)]);
    const entries = await readEntries(options.file, context);
    const nameless = entries.flatMap((entry, index) => ((entry.id ?? "") === "" ? [`entry ${index + 1}`] : []));
    if (nameless.length > 0) throw inputError("ERR_ENTRY_FILE", `${options.file}: ${nameless.join(", ")}: has no id`);
    return { entries, mask: undefined };
  }
  if (id === undefined) throw inputError("ERR_USAGE", "which entry? Give its id, or entries with --file");
  const { fields, mask } = fieldsOf(options);
  if (Object.keys(mask).length === 0)
    throw inputError("ERR_USAGE", "nothing to change: give at least one flag that names a field");
  return { entries: [{ ...fields, id }], mask };
}

function printResult(result: ItemResult, { terminal }: CommandContext): void {
  if (succeeded(result) && result.entry !== null) terminal.out(`${entryFacts(result.entry)}\n`);
  else terminal.err(`Error: ${printable(result.id)} not updated: ${printable(result.status.message)}`);
}
