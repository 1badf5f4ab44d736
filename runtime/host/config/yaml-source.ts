import {
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  type Pair,
  type ParsedNode,
  parseDocument,
} from "yaml";
import type { ConfigProblem } from "./problems.ts";
import { unknownKey } from "./unknown-key.ts";

/** A configuration file is written by hand; one of a mebibyte is not one. */
const maxFileCharacters = 1 << 20;

export interface YamlValue {
  readonly key: string;
  readonly value: unknown;
  readonly where: string;
  /** Where a part of the value is; of the nearest part around it where it is not there itself. */
  readonly whereIn?: (path: readonly PropertyKey[]) => string;
}

export interface YamlReading {
  /** Values of known settings, by dotted key, in the order of the file. */
  readonly values: readonly YamlValue[];
  readonly problems: readonly ConfigProblem[];
}

export interface KnownKeys {
  has(key: string): boolean;
  hasBelow(prefix: string): boolean;
  nearest(key: string): string | undefined;
}

/** Reads a YAML mapping of settings; nested mappings are dotted keys. Never throws for what the file says. */
export function readYaml(path: string, text: string, known: KnownKeys): YamlReading {
  if (text.length > maxFileCharacters) {
    return { values: [], problems: [{ where: path, key: "", message: "is larger than 1 MiB" }] };
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  const at = (offset: number | undefined): string => {
    if (offset === undefined) return path;
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    const problems = document.errors.map((error) => ({ where: at(error.pos[0]), key: "", message: firstLine(error) }));
    return { values: [], problems };
  }
  const values: YamlValue[] = [];
  const problems: ConfigProblem[] = [];
  const takeValue = (node: ParsedNode | null, key: string, where: string): void => {
    try {
      const whereIn = (path: readonly PropertyKey[]): string => partOf(node, path, at) ?? where;
      values.push({ key, value: node === null ? null : node.toJS(document), where, whereIn });
    } catch (error) {
      // The library refuses aliases that would expand without bound.
      problems.push({ where, key, message: error instanceof Error ? firstLine(error) : "cannot be read" });
    }
  };
  const take = (pair: Pair<ParsedNode, ParsedNode | null>, prefix: string): void => {
    const where = at(pair.key.range[0]);
    const name = isScalar(pair.key) ? String(pair.key.value) : "";
    const key = prefix === "" ? name : `${prefix}.${name}`;
    if (known.has(key)) takeValue(pair.value, key, where);
    else if (known.hasBelow(key)) walk(pair.value, key);
    else problems.push({ where, key, message: unknownKey(known.nearest(key)) });
  };
  const walk = (node: ParsedNode | null, prefix: string): void => {
    if (isMap<ParsedNode, ParsedNode | null>(node)) for (const pair of node.items) take(pair, prefix);
    else if (node !== null && !(isScalar(node) && node.value === null)) {
      problems.push({ where: at(node.range[0]), key: prefix, message: "must be a mapping of settings" });
    }
  };
  walk(document.contents, "");
  return { values, problems };
}

function partOf(
  node: ParsedNode | null,
  path: readonly PropertyKey[],
  at: (offset: number) => string,
): string | undefined {
  let found: string | undefined;
  let part: unknown = node;
  for (const key of path) {
    const pair: unknown = isMap(part) ? part.items.find((item) => isScalar(item.key) && item.key.value === key) : part;
    if (isPair(pair) && isScalar(pair.key) && pair.key.range != null) found = at(pair.key.range[0]);
    part = isPair(pair) ? pair.value : isCollection(pair) ? pair.get(key, true) : undefined;
    if (!isPair(pair) && isNode(part) && part.range != null) found = at(part.range[0]);
  }
  return found;
}

function firstLine(error: Error): string {
  const line = error.message.split("\n", 1)[0] ?? "";
  return line.charAt(0).toLowerCase() + line.slice(1);
}
