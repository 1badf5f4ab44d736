import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { Clock } from "../../runtime/core/index.ts";
import { type IdentityKey, identityKeyOf, x509Fingerprint } from "../domain/identity-key.ts";
import type { AgentEvents } from "../telemetry/events.ts";
import type { EntryTable } from "./entry-table.ts";
import { acceptSvid, type HeldSvid } from "./held-svid.ts";
import type { SvidCache } from "./svid-cache.ts";
import type { SvidAnswer, SvidFetcher } from "./svid-fetcher.ts";

export interface SvidAnswersDeps {
  readonly clock: Clock;
  readonly events: Pick<AgentEvents, "svidIssued" | "svidRefused">;
  readonly entries: Pick<EntryTable, "get">;
  readonly cache: Pick<SvidCache, "put">;
  readonly fetcher: Pick<SvidFetcher, "retryNow" | "retryLater" | "settle">;
  /** Why there is no SVID, by identity: codes of agent/errors.ts. */
  readonly withheld: Map<IdentityKey, string>;
  readonly isDistrusted: (authorityId: string) => boolean;
}

/** What becomes of the server's answers: an SVID that is checked is held, anything else is asked for again. */
export class SvidAnswers {
  readonly #deps: SvidAnswersDeps;

  constructor(deps: SvidAnswersDeps) {
    this.#deps = deps;
  }

  /** Returns the identities that may look different now. */
  take(answers: readonly SvidAnswer[]): readonly IdentityKey[] {
    const concerned: IdentityKey[] = [];
    for (const answer of answers) {
      const key = identityKeyOf(answer.entry);
      const entry = this.#deps.entries.get(key);
      if (entry === undefined) continue;
      concerned.push(key);
      if (answer.kind === "issued") this.#takeIssued(entry, answer);
      else this.#takeRefusal(entry, "ERR_SVID_REFUSED", answer);
    }
    return concerned;
  }

  #takeIssued(entry: RegistrationEntry, answer: Extract<SvidAnswer, { readonly kind: "issued" }>): void {
    const { cache, clock, events, fetcher, isDistrusted, withheld } = this.#deps;
    const key = identityKeyOf(entry);
    // The entry changed while the server signed for its old form.
    if (x509Fingerprint(entry) !== x509Fingerprint(answer.entry)) {
      fetcher.retryNow(key);
      return;
    }
    let svid: HeldSvid;
    try {
      svid = acceptSvid(entry, answer.key, answer.svid, clock.now());
    } catch (error) {
      this.#takeRefusal(entry, "ERR_SVID_UNUSABLE", { code: 0, message: String(error) });
      return;
    }
    cache.put(svid);
    withheld.delete(key);
    events.svidIssued(entry, svid.notAfterMs);
    // A server that still signs under the distrusted authority is asked again, but not in a tight loop.
    if (svid.authorityIds.some(isDistrusted)) fetcher.retryLater(key);
    else fetcher.settle(key);
  }

  #takeRefusal(
    entry: RegistrationEntry,
    withheldCode: string,
    answer: { readonly code: number; readonly message: string },
  ): void {
    const key = identityKeyOf(entry);
    this.#deps.withheld.set(key, withheldCode);
    const delayMs = this.#deps.fetcher.retryLater(key);
    this.#deps.events.svidRefused(entry, withheldCode, answer, delayMs);
  }
}
