import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Entry } from "../../../proto/gen/spire/api/types/Entry.ts";
import type { CommandContext } from "../../context.ts";
import { inputError } from "../../exit-codes.ts";
import { describeIssue, listOf, readDocument } from "../../input-file.ts";
import type { LineOf } from "../document.ts";
import { entryInput } from "../schema.ts";
import { documentOf } from "./document.ts";
import { derivedName, isEntryName, isOwner, ownedId, ownerOf } from "./ownership.ts";
import type { DeclaredEntry } from "./plan.ts";

export interface Declaration {
  readonly owner: string | undefined;
  readonly entries: readonly DeclaredEntry[];
}

interface Item {
  readonly where: string;
  readonly name: string | undefined;
  readonly entry: Entry;
}

const fileForm = z.strictObject({ owner: z.string().optional(), entries: z.array(z.unknown()) });

/**
 * The entries of a YAML or JSON file, of all such files below a folder, or of standard input for `-`.
 *
 * @throws CommandError ERR_ENTRY_FILE with every problem of all files
 */
export async function readDeclaration(
  paths: readonly string[],
  ownerFlag: string | undefined,
  context: CommandContext,
): Promise<Declaration> {
  const problems: string[] = [];
  const owners = new Set(ownerFlag === undefined ? [] : [ownerFlag]);
  const items: Item[] = [];
  for (const file of paths.flatMap(filesOf)) {
    const { value, lineOf } = await readDocument(file, context);
    const { owner, raw, at } = contentOf(value, file, lineOf, problems);
    if (owner !== undefined) owners.add(owner);
    items.push(...raw.flatMap((one, index) => itemOf(one, { file, index, lineOf, at: at(index) }, problems)));
  }
  const [owner, ...more] = owners;
  if (owner !== undefined && !isOwner(owner)) problems.push(`the owner ${owner} is not 1 to 64 of A-Z a-z 0-9 _ -`);
  if (more.length > 0) problems.push(`more than one owner: ${[...owners].join(", ")}; apply each by itself`);
  const entries = items.flatMap((item) => declared(item, owner, problems));
  if (problems.length > 0) throw inputError("ERR_ENTRY_FILE", listOf(problems));
  return { owner, entries };
}

function filesOf(path: string): readonly string[] {
  if (path === "-") return [path];
  let isFolder: boolean;
  try {
    isFolder = statSync(path).isDirectory();
  } catch (error) {
    throw inputError("ERR_ENTRY_FILE", `${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isFolder) return [path];
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(ya?ml|json)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

interface Content {
  readonly owner?: string | undefined;
  readonly raw: readonly unknown[];
  /** Where in the document an item is. */
  readonly at: (index: number) => readonly PropertyKey[];
}

function contentOf(value: unknown, file: string, lineOf: LineOf, problems: string[]): Content {
  const itself = (): readonly PropertyKey[] => [];
  if (value === null) return { raw: [], at: itself };
  if (Array.isArray(value)) return { raw: value, at: (index) => [index] };
  if (typeof value === "object" && !("entries" in value)) return { raw: [value], at: itself };
  const wrapper = fileForm.safeParse(value);
  const at = (index: number): readonly PropertyKey[] => ["entries", index];
  if (wrapper.success) return { owner: wrapper.data.owner, raw: wrapper.data.entries, at };
  problems.push(...wrapper.error.issues.map((issue) => `${file}: ${describeIssue(issue, lineOf, [], "")}`));
  return { raw: [], at };
}

/** Where an item was read: in which file, as which of its entries, and at which path of the document. */
interface Place {
  readonly file: string;
  readonly index: number;
  readonly lineOf: LineOf;
  readonly at: readonly PropertyKey[];
}

function itemOf(value: unknown, { file, index, lineOf, at }: Place, problems: string[]): readonly Item[] {
  const where = `${file}: entry ${index + 1}`;
  const { name, rest } = nameOf(value);
  const result = entryInput.safeParse(rest);
  if (!result.success) {
    const whose = `entry ${index + 1}: `;
    problems.push(...result.error.issues.map((issue) => `${file}: ${describeIssue(issue, lineOf, at, whose)}`));
    return [];
  }
  if (name !== undefined && (typeof name !== "string" || !isEntryName(name))) {
    problems.push(`${where}: name: must be 1 to 128 of A-Z a-z 0-9 . _ -`);
    return [];
  }
  return [{ where, name, entry: result.data }];
}

function nameOf(value: unknown): { readonly name: unknown; readonly rest: unknown } {
  if (typeof value !== "object" || value === null || !("name" in value)) return { name: undefined, rest: value };
  const { name, ...rest } = value;
  return { name, rest };
}

/** Gives the entry its id: its own, or the owner's by name or by what it is. */
function declared(
  { where, name, entry }: Item,
  owner: string | undefined,
  problems: string[],
): readonly DeclaredEntry[] {
  const id = entry.id ?? "";
  if (id !== "") {
    const other = ownerOf(id);
    if (name !== undefined) problems.push(`${where}: has both an id and a name; keep one`);
    else if (other !== undefined && other !== owner) problems.push(`${where}: its id says that ${other} owns it`);
    return [{ where, entry: { ...entry, id } }];
  }
  if (owner === undefined) {
    problems.push(`${where}: needs an id, or an owner to make one from (--owner, or "owner:" in the file)`);
    return [];
  }
  return [{ where, entry: { ...entry, id: ownedId(owner, name ?? derivedName(documentOf(entry))) } }];
}
