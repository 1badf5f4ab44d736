import type { CommandContext } from "../context.ts";
import { inputError } from "../exit-codes.ts";
import { plainJson } from "../output.ts";
import { plainYaml } from "../yaml.ts";
import { documentOf, type EntryDocument } from "./declared/document.ts";
import { isOwner, ownerOf } from "./declared/ownership.ts";
import { type FilterOptions, listEntries } from "./show.ts";

export interface ExportOptions extends FilterOptions {
  readonly owner?: string;
}

/** Entries as a file that `entry create`, `update` and `apply` read back; of an owner by name, else with their ids. */
export async function exportEntries(options: ExportOptions, context: CommandContext): Promise<void> {
  const { owner } = options;
  if (owner !== undefined && !isOwner(owner)) throw inputError("ERR_USAGE", `--owner: ${owner} is no owner's name`);
  const documents = (await listEntries(options, context)).map(documentOf);
  const file =
    owner === undefined
      ? { entries: documents }
      : { owner, entries: documents.filter(({ id = "" }) => ownerOf(id) === owner).map((one) => named(one, owner)) };
  context.terminal.out(options.output === "json" ? plainJson(file) : plainYaml(file));
}

function named({ id = "", ...rest }: EntryDocument, owner: string): Readonly<Record<string, unknown>> {
  return { name: id.slice(owner.length + 1), ...rest };
}
