import { type ZodType, z } from "zod";

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const durationText = /^(\d+(ms|s|m|h|d))+$/;

/** `90s`, `1h30m`, `7d`; undefined when it is not one. Milliseconds. */
export function parseDurationMs(text: string): number | undefined {
  if (text.length > 32 || !durationText.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|s|m|h|d)/g))
    total += Number(amount) * (unitMs[unit ?? ""] ?? 0);
  return Number.isSafeInteger(total) ? total : undefined;
}

export interface DurationBounds {
  readonly minMs?: number;
  readonly maxMs?: number;
}

/** A duration with its unit written out; the value is in milliseconds. */
export function durationMs(bounds: DurationBounds = {}): ZodType<number> {
  const { minMs = 0, maxMs = 100 * 365 * 86_400_000 } = bounds;
  return z.string("must be a duration such as 30s or 1h30m").transform((text, context) => {
    const value = parseDurationMs(text);
    if (value === undefined) context.addIssue("must be a duration such as 30s or 1h30m");
    else if (value < minMs) context.addIssue(`must be at least ${minMs / 1000}s`);
    else if (value > maxMs) context.addIssue(`must be at most ${maxMs / 1000}s`);
    return value ?? 0;
  });
}

export function integer(min: number, max: number): ZodType<number> {
  return z.int(`must be a whole number from ${min} to ${max}`).min(min).max(max);
}

export const port: ZodType<number> = integer(0, 65_535);

export const flag: ZodType<boolean> = z.boolean("must be true or false");

export function text(maxLength: number): ZodType<string> {
  return z
    .string("must be text")
    .min(1, "must not be empty")
    .max(maxLength, `must have at most ${maxLength} characters`);
}

/** The kernel's own bound for the address of a Unix socket. */
export const socketPath: ZodType<string> = z
  .string("must be text")
  .min(1, "must not be empty")
  .refine((path) => Buffer.byteLength(path) <= 107, "is longer than the 107 bytes a Unix socket path may have");

export function oneOf<const Choice extends string>(...choices: readonly Choice[]): ZodType<Choice> {
  return z.enum(choices, `must be one of ${choices.join(", ")}`);
}

/** A domain value from text, by its own parser; the parser's message is the problem's. */
export function parsed<Value>(parse: (text: string) => Value): ZodType<Value> {
  return z.string("must be text").transform((input, context): Value | never => {
    try {
      return parse(input);
    } catch (error) {
      context.addIssue(error instanceof Error ? error.message : "is not valid");
      return z.NEVER;
    }
  });
}
