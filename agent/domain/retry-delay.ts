import { ServiceError } from "../../transport/index.ts";

const longestMs = 60_000;

/**
 * How long the server wants to be left alone, milliseconds. When it does not say: `exhaustedMs` if it has too much to
 * do, else 0.
 */
export function retryDelayMs(error: unknown, exhaustedMs = 0): number {
  if (!(error instanceof ServiceError)) return 0;
  for (const detail of error.details) if (detail.kind === "retry") return Math.min(detail.delayMs, longestMs);
  return error.status === "resourceExhausted" ? exhaustedMs : 0;
}
