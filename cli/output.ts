import Table from "cli-table3";
import picocolors from "picocolors";

export type OutputFormat = "pretty" | "json";

/** Where a command writes; a parameter so that tests read it. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  readonly colors: boolean;
}

export const processTerminal: Terminal = {
  out: (text) => void process.stdout.write(`${text}\n`),
  err: (text) => void process.stderr.write(`${text}\n`),
  colors: picocolors.isColorSupported && process.stdout.isTTY === true,
};

/** Wire messages as protojson has them: proto field names, bytes in base64, int64 as strings. One line. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (key, inner: unknown) => {
    if (key.startsWith("_")) return undefined;
    if (isBufferJson(inner)) return Buffer.from(inner.data).toString("base64");
    return typeof inner === "bigint" ? inner.toString() : inner;
  });
}

function isBufferJson(value: unknown): value is { readonly data: readonly number[] } {
  return typeof value === "object" && value !== null && "type" in value && value.type === "Buffer" && "data" in value;
}

/** A table without vertical lines; readable when piped. */
export function table(terminal: Terminal, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const none = { mid: "", left: "", right: "", "mid-mid": "", "left-mid": "", "right-mid": "", middle: "  " };
  const result = new Table({
    head: head.map((title) => (terminal.colors ? picocolors.bold(title) : title)),
    chars: {
      ...none,
      top: "",
      "top-mid": "",
      "top-left": "",
      "top-right": "",
      bottom: "",
      "bottom-mid": "",
      "bottom-left": "",
      "bottom-right": "",
    },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  result.push(...rows.map((row) => [...row]));
  return result
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

/** `Name : value` lines, aligned; a value that is a list takes one line each. */
export function facts(pairs: readonly (readonly [string, string | readonly string[]])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs
    .flatMap(([name, value]) => {
      const values = typeof value === "string" ? [value] : value;
      return values.map((one, index) => `${(index === 0 ? name : "").padEnd(width)} : ${one}`);
    })
    .join("\n");
}

/** Unix seconds → `2026-11-25 09:30:00 UTC`; 0 → `never`. */
export function time(seconds: number | string): string {
  const value = Number(seconds);
  return value === 0 ? "never" : `${new Date(value * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
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
