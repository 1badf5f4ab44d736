import { createHash } from "node:crypto";
import { asList, asMap, asNumber, asText, noPath, type Value, type ValueType } from "./values.ts";

export interface TemplateFunction {
  readonly takes: readonly ValueType[];
  readonly gives: "text" | "list";
  apply(args: readonly Value[]): Value;
}

const text = (apply: (text: string) => string): readonly TemplateFunction[] => [
  { takes: ["text"], gives: "text", apply: ([value]) => apply(asText(value)) },
];

const textBy = (apply: (parameter: string, text: string) => string): readonly TemplateFunction[] => [
  { takes: ["text", "text"], gives: "text", apply: ([first, value]) => apply(asText(first), asText(value)) },
];

const itemOf = (which: (list: readonly string[]) => string | undefined): readonly TemplateFunction[] => [
  { takes: ["list"], gives: "text", apply: ([list]) => found(which(asList(list)), "a list is empty") },
];

/** Name → its forms. Meaning and order of arguments are those of SPIRE's function list (Sprig, Go's text/template). */
export const templateFunctions: ReadonlyMap<string, readonly TemplateFunction[]> = new Map([
  ["lower", text((value) => value.toLowerCase())],
  ["upper", text((value) => value.toUpperCase())],
  ["trim", text((value) => value.trim())],
  ["nospace", text((value) => value.replaceAll(/\s/g, ""))],
  ["sha1sum", text((value) => createHash("sha1").update(value).digest("hex"))],
  ["sha256sum", text((value) => createHash("sha256").update(value).digest("hex"))],
  ["trimPrefix", textBy((prefix, value) => (value.startsWith(prefix) ? value.slice(prefix.length) : value))],
  [
    "trimSuffix",
    textBy((suffix, value) => (value.endsWith(suffix) ? value.slice(0, value.length - suffix.length) : value)),
  ],
  ["trimAll", textBy(trimAll)],
  ["default", textBy((fallback, value) => (value === "" ? fallback : value))],
  [
    "replace",
    [
      {
        takes: ["text", "text", "text"],
        gives: "text",
        apply: ([old, by, value]) => asText(value).replaceAll(asText(old), () => asText(by)),
      },
    ],
  ],
  [
    "trunc",
    [{ takes: ["number", "text"], gives: "text", apply: ([length, value]) => trunc(asNumber(length), asText(value)) }],
  ],
  [
    "substr",
    [
      {
        takes: ["number", "number", "text"],
        gives: "text",
        apply: ([start, end, value]) => substr(asNumber(start), asNumber(end), asText(value)),
      },
    ],
  ],
  ["splitList", [{ takes: ["text", "text"], gives: "list", apply: ([by, value]) => asText(value).split(asText(by)) }]],
  ["join", [{ takes: ["text", "list"], gives: "text", apply: ([by, list]) => asList(list).join(asText(by)) }]],
  ["first", itemOf((list) => list[0])],
  ["last", itemOf((list) => list.at(-1))],
  [
    "index",
    [
      {
        takes: ["list", "number"],
        gives: "text",
        apply: ([list, n]) => found(asList(list)[asNumber(n)], `there is no item ${asNumber(n)}`),
      },
      {
        takes: ["map", "text"],
        gives: "text",
        apply: ([map, key]) => found(asMap(map).get(asText(key)), `there is no value ${JSON.stringify(key)}`),
      },
    ],
  ],
]);

function found(value: string | undefined, otherwise: string): string {
  if (value === undefined) throw noPath(otherwise);
  return value;
}

function trimAll(characters: string, value: string): string {
  const all = [...value];
  const stays = (character: string): boolean => !characters.includes(character);
  const first = all.findIndex(stays);
  return first === -1 ? "" : all.slice(first, all.findLastIndex(stays) + 1).join("");
}

/** A negative length counts from the end. */
function trunc(length: number, value: string): string {
  return length < 0 ? value.slice(length) : value.slice(0, length);
}

/** A negative start is the beginning, a negative end the end. */
function substr(start: number, end: number, value: string): string {
  return value.slice(Math.max(0, start), end < 0 ? value.length : end);
}
