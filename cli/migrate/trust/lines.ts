import { time } from "../../output.ts";
import type { Authority } from "./authority.ts";
import type { Round } from "./mirror.ts";
import type { Side } from "./plan.ts";

/** One line of what `migrate trust` says. */
export interface Line {
  readonly event: "watching" | "done" | "alarm" | "cleared";
  readonly text: string;
  /** Trying again will not help. */
  readonly isLasting?: boolean;
}

const names: Readonly<Record<Side, string>> = { from: "SPIRE's server", to: "our server" };
const verbs = { append: "now trusted by", taint: "marked as tainted at", remove: "no longer trusted by" } as const;
const wishes = { append: "is not trusted by", taint: "is not tainted at", remove: "is still trusted by" } as const;

/** What was done, and what is open. */
export function linesOf({ done, undone, refusals }: Round): readonly Line[] {
  return [
    ...done.map(({ kind, side, authority }) => {
      return { event: "done", text: `${named(authority)}: ${verbs[kind]} ${names[side]}` } as const;
    }),
    ...undone.map(({ kind, side, authority, reason, isLasting }) => {
      return {
        event: "alarm",
        text: `${named(authority)} ${wishes[kind]} ${names[side]}: ${reason}`,
        isLasting,
      } as const;
    }),
    ...refusals.map(({ side, authority, reason }) => {
      const text = `${named(authority)} is not copied to ${names[side]}: ${reason}`;
      return { event: "alarm", text, isLasting: true } as const;
    }),
  ];
}

function named({ name, expiresAt }: Authority): string {
  return `${name} (until ${time(expiresAt)})`;
}
