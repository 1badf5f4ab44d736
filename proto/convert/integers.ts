import type { Problems } from "./problems.ts";

/** Unix seconds, counters: an int64 or uint64 in decimal → a number that holds it exactly and is not negative. */
export function readCount(problems: Problems, field: string, text: string): number {
  const value = Number(text);
  if (/^\d{1,19}$/.test(text) && Number.isSafeInteger(value)) return value;
  problems.add(field, text.startsWith("-") ? "is negative" : "is larger than can be kept exactly");
  return 0;
}

/** An int32 that may not be negative. */
export function readAmount(problems: Problems, field: string, value: number): number {
  if (value >= 0) return value;
  problems.add(field, "is negative");
  return 0;
}
