import type { Entry } from "../../proto/gen/spire/api/types/Entry.ts";
import type { CommandContext } from "../context.ts";
import { describeIssue, listOf, readDocument } from "../input-file.ts";
import type { LineOf } from "./document.ts";
import { entryFile, entryInput } from "./schema.ts";

/**
 * Entries of a YAML or JSON file, or of standard input for `-`: one, a list, or `entries: […]` as SPIRE writes it.
 *
 * @throws CommandError ERR_ENTRY_FILE with every problem, by its line and the number of the entry
 */
export async function readEntries(file: string, context: CommandContext): Promise<readonly Entry[]> {
  const { value, lineOf, unusable } = await readDocument(file, context);
  const { items, at, problems } = itemsOf(value, lineOf);
  const entries: Entry[] = [];
  for (const [index, item] of items.entries()) {
    const result = entryInput.safeParse(item);
    if (result.success) entries.push(result.data);
    else {
      const path = at(index);
      problems.push(...result.error.issues.map((issue) => describeIssue(issue, lineOf, path, `entry ${index + 1}: `)));
    }
  }
  if (problems.length > 0) throw unusable(listOf(problems));
  if (entries.length === 0) throw unusable("it holds no entry");
  return entries;
}

interface Items {
  readonly items: readonly unknown[];
  /** Where in the document an item is. */
  readonly at: (index: number) => readonly PropertyKey[];
  /** Of what is around them. */
  readonly problems: string[];
}

function itemsOf(value: unknown, lineOf: LineOf): Items {
  if (value === null) return { items: [], at: () => [], problems: [] };
  if (Array.isArray(value)) return { items: value, at: (index) => [index], problems: [] };
  if (typeof value !== "object" || !("entries" in value)) return { items: [value], at: () => [], problems: [] };
  const wrapper = entryFile.safeParse(value);
  const items = Array.isArray(value.entries) ? value.entries : [];
  const problems = wrapper.success ? [] : wrapper.error.issues.map((issue) => describeIssue(issue, lineOf, [], ""));
  return { items, at: (index) => ["entries", index], problems };
}
