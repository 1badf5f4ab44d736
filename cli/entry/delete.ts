import { withServer } from "../connect.ts";
import type { CommandContext, Finish } from "../context.ts";
import { exitCodes } from "../exit-codes.ts";
import type { ServerOptions } from "../options.ts";
import { printable, toJson } from "../output.ts";
import { deleteEntries, succeeded } from "./mutations.ts";

export async function remove(
  ids: readonly string[],
  options: ServerOptions,
  context: CommandContext,
  finish: Finish,
): Promise<void> {
  const results = await withServer(options, context, (channel) => deleteEntries(channel, ids));
  if (options.output === "json")
    context.terminal.out(toJson({ results: results.map(({ status, id }) => ({ status, id })) }));
  else {
    for (const result of results) {
      if (succeeded(result)) context.terminal.out(`deleted ${printable(result.id)}`);
      else context.terminal.err(`Error: ${printable(result.id)} not deleted: ${printable(result.status.message)}`);
    }
  }
  if (results.some((result) => !succeeded(result))) finish(exitCodes.refused);
}
