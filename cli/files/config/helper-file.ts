import { readFile } from "node:fs/promises";
import { type ConfigProblem, type SettingsFile, unknownKey } from "../../../runtime/host/index.ts";
import { CommandError } from "../../exit-codes.ts";
import { type HclItem, type HclObject, type HclValue, isObject, parseHcl } from "../../migrate/hcl.ts";

type Known = Parameters<SettingsFile["read"]>[0];
type Reading = ReturnType<SettingsFile["read"]>;

/** Is it spiffe-helper's (HCL), or ours (YAML)? By its name. */
export function isHelperFile(path: string): boolean {
  return !/\.(ya?ml|json)$/.test(path);
}

/** spiffe-helper's configuration as settings of ours, with its defaults where they differ from ours. */
export async function openHelperFile(
  path: string,
  problems: ConfigProblem[],
  { hasEndpoint }: { readonly hasEndpoint: boolean },
): Promise<SettingsFile | undefined> {
  try {
    const file = parseHcl(await readFile(path, "utf8"));
    return { read: (known) => new HelperReader(path, known, hasEndpoint).read(file) };
  } catch (error) {
    const message = error instanceof Error ? error.message : "cannot be read";
    const [, line, rest = message] = (error instanceof CommandError && /^line (\d+): (.*)$/s.exec(message)) || [];
    problems.push({ where: line === undefined ? path : `${path}:${line}`, key: "", message: rest });
    return undefined;
  }
}

const jwtKeys: readonly string[] = ["jwt_audience", "jwt_extra_audiences", "jwt_svid_file_name"];

class HelperReader {
  readonly #path: string;
  readonly #known: Known;
  readonly #problems: ConfigProblem[] = [];
  readonly #values = new Map<string, { readonly value: unknown; readonly where: string }>();
  readonly #jwtSvids: unknown[] = [];

  constructor(path: string, known: Known, hasEndpoint: boolean) {
    this.#path = path;
    this.#known = known;
    const where = path;
    this.#values.set("layout", { value: "files", where });
    this.#values.set("health_checks.bind_address", { value: "*", where });
    if (!hasEndpoint) this.#values.set("agent_address", { value: "/tmp/spire-agent/public/api.sock", where });
  }

  read(file: HclObject): Reading {
    this.#items(file, "");
    const values = [...this.#values].map(([key, { value, where }]) => ({ key, value, where }));
    return { values, problems: this.#problems };
  }

  #items({ items }: HclObject, prefix: string): void {
    for (const item of items) this.#item(item, `${prefix}${[item.key, ...item.labels].join(".")}`);
  }

  #item({ value, line }: HclItem, key: string): void {
    const where = this.#where(line);
    if (key === "jwt_svids") this.#addJwtSvids(value, where);
    else if (this.#known.has(key)) this.#set(key, value, where);
    else if (this.#known.hasBelow(key) && !Array.isArray(value) && isObject(value)) this.#items(value, `${key}.`);
    else this.#problems.push({ where, key, message: unknownKey(this.#known.nearest(key)) });
  }

  #set(key: string, value: HclValue, where: string): void {
    // As if it were not there: so are its examples written.
    if (value === "") return;
    const isMode = /_mode$/.test(key) && typeof value === "number";
    this.#values.set(key, { value: isMode ? modeText(value) : plain(value), where });
  }

  #addJwtSvids(value: HclValue, where: string): void {
    const items = Array.isArray(value) ? value : [value];
    for (const item of items) {
      if (typeof item === "object" && !Array.isArray(item) && isObject(item)) this.#checkJwtKeys(item);
      this.#jwtSvids.push(plain(item));
    }
    this.#values.set("jwt_svids", { value: this.#jwtSvids, where });
  }

  /** With the line of the key itself, which the check of the whole list cannot know. */
  #checkJwtKeys({ items }: HclObject): void {
    for (const { key, line } of items) {
      if (jwtKeys.includes(key)) continue;
      this.#problems.push({ where: this.#where(line), key: `jwt_svids.${key}`, message: unknownKey(undefined) });
    }
  }

  #where(line: number): string {
    return line === 0 ? this.#path : `${this.#path}:${line}`;
  }
}

/** HCL numbers with a leading zero are octal, others decimal: `444` is 0674 to spiffe-helper, and here. */
function modeText(value: number): string {
  return value.toString(8).padStart(4, "0");
}

/** Keys that are unknown have been complained of. */
function plain(value: HclValue): unknown {
  if (typeof value !== "object") return value;
  if (!isObject(value)) return value.map(plain);
  return Object.fromEntries(
    value.items.filter(({ key }) => jwtKeys.includes(key)).map((item) => [item.key, plain(item.value)]),
  );
}
