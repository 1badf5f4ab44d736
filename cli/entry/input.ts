import { createReadStream } from "node:fs";
import type { z } from "zod";
import type { Entry } from "../../proto/gen/spire/api/types/Entry.ts";
import { boundedText } from "../bounded-text.ts";
import type { CommandContext } from "../context.ts";
import { CommandError, inputError } from "../exit-codes.ts";
import { type LineOf, parseText } from "./document.ts";
import { entryFile, entryInput } from "./schema.ts";

const shownProblems = 50;

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
      problems.push(...result.error.issues.map((issue) => describe(issue, lineOf, path, `entry ${index + 1}: `)));
    }
  }
  if (problems.length > 0) throw unusable(listOf(problems));
  if (entries.length === 0) throw unusable("it holds no entry");
  return entries;
}

interface ReadDocument {
  readonly value: unknown;
  readonly lineOf: LineOf;
  /** Says what is wrong with it. */
  readonly unusable: (problem: string) => CommandError;
}

/** A YAML or JSON file, or standard input for `-`. @throws CommandError ERR_ENTRY_FILE, ERR_INPUT_TOO_LARGE */
export async function readDocument(file: string, context: CommandContext): Promise<ReadDocument> {
  const name = file === "-" ? "standard input" : file;
  const unusable = (problem: string): CommandError => inputError("ERR_ENTRY_FILE", `${name}: ${problem}`);
  const text = await contentOf(file, context).catch((error: unknown) => {
    if (error instanceof CommandError) throw inputError("ERR_INPUT_TOO_LARGE", `${name}: ${error.message}`);
    throw unusable(error instanceof Error ? error.message : String(error));
  });
  const parsed = parseText(text);
  if ("problems" in parsed) throw unusable(listOf(parsed.problems));
  return { ...parsed, unusable };
}

function contentOf(file: string, context: CommandContext): Promise<string> {
  return file === "-" ? context.readStdin() : boundedText(createReadStream(file));
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
  const problems = wrapper.success ? [] : wrapper.error.issues.map((issue) => describe(issue, lineOf, [], ""));
  return { items, at: (index) => ["entries", index], problems };
}

function describe(issue: z.core.$ZodIssue, lineOf: LineOf, around: readonly PropertyKey[], whose: string): string {
  const { path, message } = issue;
  const where = path.map((part) => (typeof part === "number" ? `${part + 1}` : String(part))).join(".");
  const first = issue.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
  const line = lineOf([...around, ...path, ...first]);
  return `${line === undefined ? "" : `line ${line}: `}${whose}${where === "" ? message : `${where}: ${message}`}`;
}

function listOf(problems: readonly string[]): string {
  const [only] = problems;
  if (only !== undefined && problems.length === 1) return only;
  const more = problems.length - shownProblems;
  const shown = problems.slice(0, shownProblems);
  const lines = more > 0 ? [...shown, `and ${more} more`] : shown;
  return [`${problems.length} problems`, ...lines].join("\n  ");
}
