import { readFile } from "node:fs/promises";
import { parseDocument } from "yaml";
import type { z } from "zod";
import type { Entry } from "../../proto/gen/spire/api/types/Entry.ts";
import type { CommandContext } from "../context.ts";
import { type CommandError, inputError } from "../exit-codes.ts";
import { entryFile, entryInput } from "./schema.ts";

const maxFileLength = 16 * 1024 * 1024;
const shownProblems = 50;

/**
 * Entries of a YAML or JSON file, or of standard input for `-`: one, a list, or `entries: […]` as SPIRE writes it.
 *
 * @throws CommandError ERR_ENTRY_FILE with every problem, by the number of the entry
 */
export async function readEntries(file: string, context: CommandContext): Promise<readonly Entry[]> {
  const { value, unusable } = await readDocument(file, context);
  const { items, problems } = itemsOf(value);
  const entries: Entry[] = [];
  for (const [index, item] of items.entries()) {
    const result = entryInput.safeParse(item);
    if (result.success) entries.push(result.data);
    else problems.push(...result.error.issues.map((issue) => `entry ${index + 1}: ${describe(issue)}`));
  }
  if (problems.length > 0) throw unusable(listOf(problems));
  if (entries.length === 0) throw unusable("it holds no entry");
  return entries;
}

interface ReadDocument {
  readonly value: unknown;
  /** Says what is wrong with it. */
  readonly unusable: (problem: string) => CommandError;
}

/** A YAML or JSON file, or standard input for `-`. @throws CommandError ERR_ENTRY_FILE */
export async function readDocument(file: string, context: CommandContext): Promise<ReadDocument> {
  const unusable = (problem: string): CommandError =>
    inputError("ERR_ENTRY_FILE", `${file === "-" ? "standard input" : file}: ${problem}`);
  const text = await contentOf(file, context).catch((error: unknown) => {
    throw unusable(messageOf(error));
  });
  if (text.length > maxFileLength) throw unusable(`it is larger than ${maxFileLength} characters`);
  return { value: documentOf(text, unusable), unusable };
}

function contentOf(file: string, context: CommandContext): Promise<string> {
  return file === "-" ? context.readStdin() : readFile(file, "utf8");
}

function documentOf(text: string, unusable: (problem: string) => CommandError): unknown {
  const parsed = parseDocument(text, { prettyErrors: true });
  if (parsed.errors.length > 0) throw unusable(listOf(parsed.errors.map(({ message }) => message.trimEnd())));
  try {
    return parsed.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw unusable(messageOf(error));
  }
}

interface Items {
  readonly items: readonly unknown[];
  /** Of what is around them. */
  readonly problems: string[];
}

function itemsOf(value: unknown): Items {
  if (value === null) return { items: [], problems: [] };
  if (Array.isArray(value)) return { items: value, problems: [] };
  if (typeof value !== "object" || !("entries" in value)) return { items: [value], problems: [] };
  const wrapper = entryFile.safeParse(value);
  const items = Array.isArray(value.entries) ? value.entries : [];
  return { items, problems: wrapper.success ? [] : wrapper.error.issues.map(describe) };
}

function describe({ path, message }: z.core.$ZodIssue): string {
  const where = path.map((part) => (typeof part === "number" ? `${part + 1}` : String(part))).join(".");
  return where === "" ? message : `${where}: ${message}`;
}

function listOf(problems: readonly string[]): string {
  const [only] = problems;
  if (only !== undefined && problems.length === 1) return only;
  const more = problems.length - shownProblems;
  const shown = problems.slice(0, shownProblems);
  const lines = more > 0 ? [...shown, `and ${more} more`] : shown;
  return [`${problems.length} problems`, ...lines].join("\n  ");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
