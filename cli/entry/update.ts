import { withChannel } from "../connect.ts";
import type { CommandContext, Finish } from "../context.ts";
import { CommandError, exitCodes } from "../exit-codes.ts";
import { toJson } from "../output.ts";
import { type EntryOptions, fieldsOf, type WaitOptions } from "./fields.ts";
import { readEntries } from "./input.ts";
import { succeeded, updateEntries } from "./mutations.ts";
import { entryFacts } from "./print.ts";
import { waitForDelivery } from "./wait.ts";

export interface UpdateOptions extends EntryOptions, WaitOptions {
  readonly file?: string;
}

/** From flags only the named fields are written; from a file whole entries are. */
export async function update(
  id: string | undefined,
  options: UpdateOptions,
  context: CommandContext,
  finish: Finish,
): Promise<void> {
  const { entries, mask } = await changesOf(id, options, context);
  await withChannel(options.socket, "server", async (channel) => {
    const results = await updateEntries(channel, entries, mask);
    const changed = results.filter(succeeded).map((result) => result.id);
    const delivery =
      options.wait === true && changed.length > 0
        ? await waitForDelivery(channel, changed, options.timeout * 1000, context.terminal)
        : undefined;
    if (options.output === "json")
      context.terminal.out(toJson({ results, ...(delivery && { agents: delivery.agents }) }));
    else {
      for (const result of results) {
        if (succeeded(result) && result.entry !== null) context.terminal.out(`${entryFacts(result.entry)}\n`);
        else context.terminal.err(`Error: ${result.id} not updated: ${result.status.message}`);
      }
    }
    if (results.some((result) => !succeeded(result))) finish(exitCodes.refused);
    else if (delivery !== undefined) finish(delivery.exitCode);
  });
}

async function changesOf(
  id: string | undefined,
  options: UpdateOptions,
  context: CommandContext,
): Promise<
  Parameters<typeof updateEntries> extends [unknown, infer Entries, infer Mask]
    ? { entries: Entries; mask: Mask }
    : never
> {
  if (options.file !== undefined) {
    const entries = await readEntries(options.file, context);
    const nameless = entries.findIndex((entry) => (entry.id ?? "") === "");
    if (nameless >= 0) throw new CommandError(exitCodes.usage, `entry ${nameless + 1} of the file has no id`);
    return { entries, mask: undefined };
  }
  if (id === undefined) throw new CommandError(exitCodes.usage, "which entry? Give its id, or entries with --file");
  const { fields, mask } = fieldsOf(options);
  if (Object.keys(mask).length === 0)
    throw new CommandError(exitCodes.usage, "nothing to change: give at least one field flag");
  return { entries: [{ ...fields, id }], mask };
}
