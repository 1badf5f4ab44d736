import { serverErrors } from "../../../errors.ts";

/** What expressions of a template are made of; each expression's type is known before any node comes. */
export type ValueType = "text" | "number" | "list" | "map";
export type Value = string | number | readonly string[] | ReadonlyMap<string, string>;

/** The template has no value for this certificate. */
export function noPath(reason: string) {
  return serverErrors.error(
    "ERR_X509POP_PATH",
    `the agent path template gives no path for this certificate: ${reason}`,
  );
}

// The parser has compared types; these say so to the compiler.

export function asText(value: Value | undefined): string {
  if (typeof value === "string") return value;
  throw new TypeError("a template value is not a text");
}

export function asNumber(value: Value | undefined): number {
  if (typeof value === "number") return value;
  throw new TypeError("a template value is not a number");
}

export function asList(value: Value | undefined): readonly string[] {
  if (Array.isArray(value)) return value;
  throw new TypeError("a template value is not a list");
}

export function asMap(value: Value | undefined): ReadonlyMap<string, string> {
  if (value instanceof Map) return value;
  throw new TypeError("a template value is not a map");
}
