import type { ZodType } from "zod";
import { ConfigError, type ConfigProblem } from "./problems.ts";
import type { SettingsFile } from "./settings-file.ts";
import { unknownKey } from "./unknown-key.ts";

/** One setting: how it is read, what it is when nobody says, and what the documentation says about it. */
export interface Setting<Value> {
  readonly schema: ZodType<Value>;
  /** In the form a file would have; `undefined` = the schema decides (required, or optional). */
  readonly initial: unknown;
  readonly doc: string;
  /** SIGHUP applies a new value without a restart. */
  readonly reloads: boolean;
}

export function setting<Value>(
  schema: ZodType<Value>,
  about: { readonly initial?: unknown; readonly doc: string; readonly reloads?: boolean },
): Setting<Value> {
  return { schema, initial: about.initial, doc: about.doc, reloads: about.reloads ?? false };
}

/** Dotted key → setting. The one place that knows names, defaults and documentation. */
export type SettingsTable = Readonly<Record<string, Setting<unknown>>>;

export type SettingValues<Table extends SettingsTable> = {
  readonly [Key in keyof Table]: Table[Key] extends Setting<infer Value> ? Value : never;
};

export interface SettingSources {
  readonly file?: SettingsFile | undefined;
  /** Dotted key → what it is when none of the others says, in place of the table's `initial`, and from where. */
  readonly fallbacks?: Readonly<Record<string, { readonly where: string; readonly value: string }>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** E.g. `COUNTERSIGN_SERVER_`; the rest of a variable's name is the key, dots as underscores, upper case. */
  readonly envPrefix: string;
  /** Dotted key → what the command line said, and the flag's spelling for messages. */
  readonly flags: Readonly<Record<string, { readonly flag: string; readonly value: string }>>;
}

interface Candidate {
  readonly where: string;
  readonly value: unknown;
  /** From a flag or a variable: may stand for a number, a boolean or a comma-separated list. */
  readonly isText: boolean;
  readonly whereIn?: ((path: readonly PropertyKey[]) => string) | undefined;
}

/** Kubernetes sets such variables in every pod for a service called `countersign-server`; they are not ours. */
const serviceLinkVariable = /^(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;

export function environmentName(prefix: string, key: string): string {
  return prefix + key.replaceAll(".", "_").toUpperCase();
}

/**
 * Reads the settings from file, then environment, then flags; later ones win. Every problem of every source is found
 * before anything is refused.
 *
 * @throws ConfigError with all problems.
 */
export function loadSettings<const Table extends SettingsTable>(
  table: Table,
  sources: SettingSources,
): SettingValues<Table> {
  const problems: ConfigProblem[] = [];
  const candidates = new Map<string, Candidate>();
  for (const [key, { where, value }] of Object.entries(sources.fallbacks ?? {})) {
    candidates.set(key, { where, value, isText: true });
  }
  collectFile(table, sources, candidates, problems);
  collectEnvironment(table, sources, candidates, problems);
  collectFlags(table, sources, candidates, problems);
  const values: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(table)) {
    const candidate = candidates.get(key) ?? { where: "", value: entry.initial, isText: false };
    const outcome = readOne(entry, candidate);
    if (outcome.kind === "value") values[key] = outcome.value;
    else problems.push({ where: outcome.where ?? candidate.where, key, message: outcome.message });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  // Each key of the table was read by its own schema just above; a mapped type cannot follow a loop.
  const complete: unknown = Object.freeze(values);
  return complete as SettingValues<Table>;
}

function collectFile(
  table: SettingsTable,
  sources: SettingSources,
  candidates: Map<string, Candidate>,
  problems: ConfigProblem[],
): void {
  if (sources.file === undefined) return;
  const keys = Object.keys(table);
  const reading = sources.file.read({
    has: (key) => Object.hasOwn(table, key),
    hasBelow: (prefix) => keys.some((key) => key.startsWith(`${prefix}.`)),
    nearest: (key) => nearestKey(key, keys),
  });
  problems.push(...reading.problems);
  for (const { key, value, where, whereIn } of reading.values)
    candidates.set(key, { where, value, isText: false, whereIn });
}

function collectEnvironment(
  table: SettingsTable,
  sources: SettingSources,
  candidates: Map<string, Candidate>,
  problems: ConfigProblem[],
): void {
  const names = new Map(Object.keys(table).map((key) => [environmentName(sources.envPrefix, key), key]));
  for (const [name, value] of Object.entries(sources.env)) {
    if (value === undefined || !name.startsWith(sources.envPrefix)) continue;
    const key = names.get(name);
    if (key !== undefined) candidates.set(key, { where: `$${name}`, value, isText: true });
    else if (!serviceLinkVariable.test(name.slice(sources.envPrefix.length))) {
      problems.push({ where: `$${name}`, key: "", message: unknownKey(nearestKey(name, [...names.keys()])) });
    }
  }
}

function collectFlags(
  table: SettingsTable,
  sources: SettingSources,
  candidates: Map<string, Candidate>,
  problems: ConfigProblem[],
): void {
  for (const [key, { flag, value }] of Object.entries(sources.flags)) {
    if (Object.hasOwn(table, key)) candidates.set(key, { where: flag, value, isText: true });
    else problems.push({ where: flag, key, message: "unknown setting" });
  }
}

type Reading =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "problem"; readonly message: string; readonly where?: string | undefined };

function readOne(entry: Setting<unknown>, candidate: Candidate): Reading {
  if (candidate.value === undefined || candidate.value === null) {
    const absent = entry.schema.safeParse(undefined);
    return absent.success ? { kind: "value", value: absent.data } : { kind: "problem", message: "is required" };
  }
  let message = "is not valid";
  let where: string | undefined;
  for (const form of forms(candidate)) {
    const result = entry.schema.safeParse(form);
    if (result.success) return { kind: "value", value: result.data };
    const issue = result.error.issues[0];
    if (issue === undefined) continue;
    message = issueText(issue.message, issue.path);
    const unknown = issue.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
    where = candidate.whereIn?.([...issue.path, ...unknown]);
    // The form is of the right type, or only a part of it is not: what another form would have said is beside the point.
    if (issue.path.length > 0 || issue.code !== "invalid_type") break;
  }
  return { kind: "problem", message, where };
}

/** What a text may stand for, the most literal first; the last one's problem is reported. */
function forms(candidate: Candidate): readonly unknown[] {
  if (!candidate.isText || typeof candidate.value !== "string") return [candidate.value];
  const text = candidate.value;
  const items = text.split(",").map((item) => item.trim());
  const scalar = scalarOf(text);
  return typeof scalar === "string" || scalar === null ? [text, items] : [text, items, scalar];
}

function issueText(message: string, path: readonly PropertyKey[]): string {
  const text = message.charAt(0).toLowerCase() + message.slice(1);
  return path.length === 0 ? text : `${path.map(String).join(".")}: ${text}`;
}

/** The known key within two edits of `key`, if there is one. */
function nearestKey(key: string, keys: readonly string[]): string | undefined {
  let best: { readonly key: string; readonly distance: number } | undefined;
  for (const candidate of keys) {
    if (Math.abs(candidate.length - key.length) > 2) continue;
    const distance = editDistance(key, candidate);
    if (distance <= 2 && (best === undefined || distance < best.distance)) best = { key: candidate, distance };
  }
  return best?.key;
}

function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const substitution = (previous[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[right.length] ?? 0;
}

/** What a flag or a variable may stand for besides text. */
function scalarOf(text: string): string | number | boolean {
  if (text === "true" || text === "false") return text === "true";
  return /^-?\d{1,15}(\.\d{1,6})?$/.test(text) ? Number(text) : text;
}
