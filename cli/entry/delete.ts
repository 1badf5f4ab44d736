import { withServer } from "../connect.ts";
import type { CommandContext, Finish } from "../context.ts";
import { exitCodes, inputError } from "../exit-codes.ts";
import { readDocument } from "../input-file.ts";
import type { ServerOptions } from "../options.ts";
import { printable, toJson } from "../output.ts";
import { deleteEntries, succeeded } from "./mutations.ts";
import { printRefusedItem } from "./refused-item.ts";

export interface DeleteOptions extends ServerOptions {
  readonly file?: string;
}

export async function remove(
  given: readonly string[],
  options: DeleteOptions,
  context: CommandContext,
  finish: Finish,
): Promise<void> {
  const ids = await idsOf(given, options, context);
  const results = await withServer(options, context, (channel) => deleteEntries(channel, ids));
  if (options.output === "json")
    context.terminal.out(toJson({ results: results.map(({ status, id }) => ({ status, id })) }));
  else {
    for (const result of results) {
      if (succeeded(result)) context.terminal.out(`deleted ${printable(result.id)}`);
      else printRefusedItem(`${result.id} not deleted`, result.status, context.terminal);
    }
  }
  if (results.some((result) => !succeeded(result))) finish(exitCodes.refused);
}

async function idsOf(
  given: readonly string[],
  { file }: DeleteOptions,
  context: CommandContext,
): Promise<readonly string[]> {
  if (file === undefined) {
    if (given.length === 0)
      throw inputError("ERR_USAGE", "which entries? Give their ids, or a file of ids with --file");
    return given;
  }
  if (given.length > 0) throw inputError("ERR_USAGE", "--file cannot be combined with ids");
  const { value, unusable } = await readDocument(file, context);
  const ids = typeof value === "object" && value !== null && "ids" in value ? value.ids : value;
  if (!Array.isArray(ids) || !ids.every((id) => typeof id === "string" && id !== ""))
    throw unusable('it is not {"ids": […]}, nor a list of ids');
  return ids;
}
