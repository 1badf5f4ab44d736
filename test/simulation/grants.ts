import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { SpiffeId } from "../../spiffe/index.ts";

export interface Grant {
  readonly entry: RegistrationEntry;
  readonly spiffeId: SpiffeId;
  readonly selectors: ReadonlySet<string>;
  readonly fromMs: number;
  /** Infinity while it is in force. */
  untilMs: number;
}

/** An agent may be some seconds behind: what it stores is gathered for a second. */
const toleranceMs = 5_000;

/** Which entries one agent was authorised for, and when: as the server had it after each change. */
export class Grants {
  readonly #byEntry = new Map<string, Grant[]>();

  /** The server's authorised set at this moment. */
  record(entries: readonly RegistrationEntry[], nowMs: number): void {
    const byId = new Map(entries.map((entry) => [entry.id, entry]));
    for (const grant of this.current(nowMs)) {
      const entry = byId.get(grant.entry.id);
      if (entry?.revisionNumber === grant.entry.revisionNumber) byId.delete(entry.id);
      else grant.untilMs = nowMs;
    }
    for (const entry of byId.values()) {
      const grants = this.#byEntry.get(entry.id) ?? [];
      this.#byEntry.set(entry.id, grants);
      grants.push({
        entry,
        spiffeId: entry.spiffeId,
        selectors: new Set(entry.selectors.map((selector) => selector.toString())),
        fromMs: nowMs,
        untilMs: entry.expiresAt === 0 ? Number.POSITIVE_INFINITY : entry.expiresAt * 1000,
      });
    }
  }

  current(nowMs: number): readonly Grant[] {
    return [...this.#byEntry.values()].flat().filter(({ untilMs }) => untilMs > nowMs);
  }

  endedSince(sinceMs: number): readonly Grant[] {
    return [...this.#byEntry.values()]
      .flat()
      .filter(({ untilMs }) => untilMs >= sinceMs && untilMs !== Number.POSITIVE_INFINITY);
  }

  /** Was this identity granted, to such a workload, at some time after the agent was last told anything? */
  wasGranted(
    identity: { readonly entryId: string; readonly id: SpiffeId },
    workload: ReadonlySet<string>,
    sinceMs: number,
    nowMs: number,
  ): boolean {
    const grants = this.#byEntry.get(identity.entryId) ?? [];
    return grants.some(
      ({ spiffeId, selectors, fromMs, untilMs }) =>
        spiffeId.equals(identity.id) &&
        [...selectors].every((selector) => workload.has(selector)) &&
        fromMs <= nowMs &&
        untilMs >= sinceMs - toleranceMs,
    );
  }

  /** Forgets what ended long ago. */
  forgetBefore(beforeMs: number): void {
    for (const [id, grants] of this.#byEntry) {
      const kept = grants.filter(({ untilMs }) => untilMs >= beforeMs);
      if (kept.length === 0) this.#byEntry.delete(id);
      else this.#byEntry.set(id, kept);
    }
  }
}
