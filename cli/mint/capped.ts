import { systemClock } from "../../runtime/core/index.ts";
import { time } from "../output.ts";

/** Clocks differ, and asking takes a moment. */
const toleranceSeconds = 5;

/** What to say when the server gave a shorter life than was asked for. */
export function capped(ttl: number, expiresAt: string): readonly string[] {
  const given = Number(expiresAt) - systemClock.now() / 1000;
  return given < ttl - toleranceSeconds
    ? [`the server gave a shorter life than asked for: until ${time(expiresAt)}`]
    : [];
}
