export type OutputFormat = "pretty" | "json";

/** Where a command writes; a parameter so that tests read it. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  readonly colors: boolean;
}

/**
 * Wire messages as SPIRE's command line prints them: proto field names, bytes in base64, int64 as strings, fields that are
 * empty too, but no message that is not there. One line.
 */
export function toJson(value: unknown): string {
  return plainJson(value, (key, inner: unknown) => {
    // The decoder's notes on which field of a oneof is set.
    if (key.startsWith("_") || inner === null) return undefined;
    return isBufferJson(inner) ? Buffer.from(inner.data).toString("base64") : inner;
  });
}

/**
 * JSON that may be shown on a terminal: JSON itself escapes only the older control characters, and what it leaves can only
 * be inside strings.
 */
export function plainJson(value: unknown, replacer?: (key: string, inner: unknown) => unknown): string {
  return printable(JSON.stringify(value, replacer));
}

function isBufferJson(value: unknown): value is { readonly data: readonly number[] } {
  return typeof value === "object" && value !== null && "type" in value && value.type === "Buffer" && "data" in value;
}

/**
 * Text of others (hints, versions, messages) must not drive the terminal: control characters, also those that turn the
 * direction of text, are shown as escapes.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, (character) => {
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
  });
}

/** `Name : value` lines, aligned; a value that is a list takes one line each. */
export function facts(pairs: readonly (readonly [string, string | readonly string[]])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs
    .flatMap(([name, value]) => {
      const values = typeof value === "string" ? [value] : value;
      return values.map((one, index) => `${(index === 0 ? name : "").padEnd(width)} : ${printable(one)}`);
    })
    .join("\n");
}

/** Unix seconds → `2026-11-25 09:30:00 UTC`; 0 → `never`. */
export function time(seconds: number | string): string {
  const value = Number(seconds);
  if (value === 0) return "never";
  const date = new Date(value * 1000);
  // Beyond what a Date can hold: as the number it is.
  if (Number.isNaN(date.getTime())) return String(seconds);
  return `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Seconds → `1h30m`; 0 → `default`. */
export function life(seconds: number): string {
  if (seconds === 0) return "default";
  const parts = [
    [Math.floor(seconds / 3600), "h"],
    [Math.floor((seconds % 3600) / 60), "m"],
    [seconds % 60, "s"],
  ] as const;
  return parts
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount}${unit}`)
    .join("");
}
