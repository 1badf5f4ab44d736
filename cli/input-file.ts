import type { z } from "zod";
import { readTextFile } from "./bounded-text.ts";
import type { CommandContext } from "./context.ts";
import { type LineOf, parseText } from "./entry/document.ts";
import { CommandError, inputError } from "./exit-codes.ts";

const shownProblems = 50;

/** Which kind of file it is, for what is said when it is unusable. */
type FileErrorCode = "ERR_BUNDLE_FILE" | "ERR_ENTRY_FILE" | "ERR_FEDERATION_FILE";

interface ReadText {
  readonly text: string;
  /** Says what is wrong with it. */
  readonly unusable: (problem: string) => CommandError;
}

/** A file, or standard input for `-`. @throws CommandError `code`, ERR_INPUT_TOO_LARGE */
export async function readText(file: string, context: CommandContext, code: FileErrorCode): Promise<ReadText> {
  const name = file === "-" ? "standard input" : file;
  const unusable = (problem: string): CommandError => inputError(code, `${name}: ${problem}`);
  const text = await contentOf(file, context).catch((error: unknown) => {
    if (error instanceof CommandError) throw inputError("ERR_INPUT_TOO_LARGE", `${name}: ${error.message}`);
    throw unusable(messageOf(error));
  });
  return { text, unusable };
}

interface ReadDocument {
  readonly value: unknown;
  readonly lineOf: LineOf;
  /** Says what is wrong with it. */
  readonly unusable: (problem: string) => CommandError;
}

/** A YAML or JSON file, or standard input for `-`. @throws CommandError `code`, ERR_INPUT_TOO_LARGE */
export async function readDocument(
  file: string,
  context: CommandContext,
  code: FileErrorCode = "ERR_ENTRY_FILE",
): Promise<ReadDocument> {
  const { text, unusable } = await readText(file, context, code);
  const parsed = parseText(text);
  if ("problems" in parsed) throw unusable(listOf(parsed.problems));
  return { ...parsed, unusable };
}

function contentOf(file: string, context: CommandContext): Promise<string> {
  return file === "-" ? context.readStdin() : readTextFile(file);
}

/** Line, owner, field and problem; items count from 1. `around`: where in the document the checked value is. */
export function describeIssue(
  issue: z.core.$ZodIssue,
  lineOf: LineOf,
  around: readonly PropertyKey[],
  whose: string,
): string {
  const { path, message } = issue;
  const where = path.map((part) => (typeof part === "number" ? `${part + 1}` : String(part))).join(".");
  const first = issue.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
  const line = lineOf([...around, ...path, ...first]);
  return `${line === undefined ? "" : `line ${line}: `}${whose}${where === "" ? message : `${where}: ${message}`}`;
}

export function listOf(problems: readonly string[]): string {
  const [only] = problems;
  if (only !== undefined && problems.length === 1) return only;
  const more = problems.length - shownProblems;
  const shown = problems.slice(0, shownProblems);
  const lines = more > 0 ? [...shown, `and ${more} more`] : shown;
  return [`${problems.length} problems`, ...lines].join("\n  ");
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
