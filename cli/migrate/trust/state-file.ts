import { replaceFile } from "../../../runtime/host/replace-file.ts";
import { readTextFile } from "../../bounded-text.ts";
import { inputError } from "../../exit-codes.ts";
import type { Seen } from "./plan.ts";

/** Nothing remembered when there is no file. @throws CommandError ERR_MIRROR_STATE */
export async function readSeen(path: string, trustDomain: string): Promise<Seen> {
  let text: string;
  try {
    text = await readTextFile(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return { from: new Map(), to: new Map() };
    throw failure(path, error);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw failure(path, error);
  }
  if (!isObject(value) || value["version"] !== 1) throw failure(path, "it is no state of migrate trust");
  if (value["trust_domain"] !== trustDomain)
    throw failure(path, `it is of trust domain ${String(value["trust_domain"])}, not of ${trustDomain}`);
  return { from: mapOf(value["from"], path), to: mapOf(value["to"], path) };
}

/** Whole or not at all. @throws CommandError ERR_MIRROR_STATE */
export async function writeSeen(path: string, trustDomain: string, seen: Seen): Promise<void> {
  const content = {
    version: 1,
    trust_domain: trustDomain,
    from: Object.fromEntries(seen.from),
    to: Object.fromEntries(seen.to),
  };
  try {
    await replaceFile(path, `${JSON.stringify(content, undefined, 1)}\n`);
  } catch (error) {
    throw failure(path, error);
  }
}

function mapOf(value: unknown, path: string): ReadonlyMap<string, number> {
  const entries = isObject(value) ? Object.entries(value) : undefined;
  if (entries === undefined) throw failure(path, "it is no state of migrate trust");
  return new Map(
    entries.map(([key, end]) => {
      if (typeof end !== "number") throw failure(path, `the end of ${key} is no number`);
      return [key, end];
    }),
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function failure(path: string, reason: unknown) {
  return inputError("ERR_MIRROR_STATE", `${path}: ${reason instanceof Error ? reason.message : String(reason)}`);
}
