import type { Authority } from "./authority.ts";

export type Side = "from" | "to";

function other(side: Side): Side {
  return side === "from" ? "to" : "from";
}

/** Authority keys that a side was ever seen to have, with their ends (Unix seconds, 0 = never). */
export type Seen = Readonly<Record<Side, ReadonlyMap<string, number>>>;

export type Bundles = Readonly<Record<Side, readonly Authority[]>>;

export interface Step {
  readonly kind: "append" | "taint" | "remove";
  readonly side: Side;
  readonly authority: Authority;
}

/** What the mirror will not do. */
export interface Refusal {
  readonly side: Side;
  readonly authority: Authority;
  readonly reason: string;
}

export interface Plan {
  readonly steps: readonly Step[];
  readonly refusals: readonly Refusal[];
}

/**
 * What to do so that both servers trust the same authorities. An authority that a side had once and no longer has was
 * taken away there: it is never copied back, and is to be taken away on the other side too. What has expired is left
 * alone: each server drops it by itself. `now`: Unix seconds. Pure.
 */
export function planOf(bundles: Bundles, seen: Seen, now: number): Plan {
  const steps: Step[] = [];
  const refusals: Refusal[] = [];
  for (const source of ["from", "to"] as const) {
    const target = other(source);
    const there = new Map(bundles[target].map((authority) => [authority.key, authority]));
    const unique = new Map(bundles[source].map((authority) => [authority.key, authority]));
    for (const authority of unique.values()) {
      if (authority.expiresAt !== 0 && authority.expiresAt <= now) continue;
      const twin = there.get(authority.key);
      if (twin === undefined) missing(authority);
      else if (!isSame(authority, twin)) refuse(authority, "another key has that id there");
      else if (authority.tainted && !twin.tainted) steps.push({ kind: "taint", side: target, authority });
    }

    function missing(authority: Authority): void {
      if (seen[target].has(authority.key)) steps.push({ kind: "remove", side: source, authority });
      else if (authority.fault !== undefined) refuse(authority, authority.fault);
      else if (authority.tainted) refuse(authority, "it is tainted, and was not trusted there before");
      else steps.push({ kind: "append", side: target, authority });
    }
    function refuse(authority: Authority, reason: string): void {
      refusals.push({ side: target, authority, reason });
    }
  }
  return { steps, refusals };
}

function isSame(left: Authority, right: Authority): boolean {
  if (left.kind !== "jwt" || right.kind !== "jwt") return true;
  return Buffer.compare(left.spki, right.spki) === 0;
}

/** With what both sides have now; what ended more than a week ago is forgotten. */
export function remembered(seen: Seen, bundles: Bundles, now: number): Seen {
  const longAgo = now - 7 * 86_400;
  const of = (side: Side): ReadonlyMap<string, number> => {
    const all = [...seen[side], ...bundles[side].map(({ key, expiresAt }) => [key, expiresAt] as const)];
    return new Map(all.filter(([, expiresAt]) => expiresAt === 0 || expiresAt > longAgo));
  };
  return { from: of("from"), to: of("to") };
}
