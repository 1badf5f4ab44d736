import type { Clock, Timer } from "../../runtime/core/index.ts";
import type { ServiceError } from "../../transport/errors/service-error.ts";
import { serverErrors } from "../errors.ts";
import type { Registry } from "../registry/ports.ts";
import { expiredRefusal, standingOf, standingRefusal } from "./agent-standing.ts";
import type { AuthorityTrust } from "./authority-trust.ts";
import type { SvidCaller } from "./caller.ts";

/** How long a stream on a superseded SVID may stay, so that its successor can be opened first, milliseconds. */
const supersededGraceMs = 500;

export interface OpenCallsDeps {
  readonly registry: Pick<Registry, "node" | "onApplied">;
  readonly trust: AuthorityTrust;
  readonly clock: Clock;
}

interface OpenCall {
  readonly caller: SvidCaller;
  readonly asAgent: boolean;
  readonly end: (error: ServiceError) => void;
  readonly expiry: Timer;
  grace: Timer | undefined;
}

/**
 * Streams of callers with an SVID. What entitled them may end while they are open: expiry, ban, eviction, a newer SVID in
 * use, an authority that is no longer trusted. Then they end within a second. What the feed says is the store's word.
 */
export class OpenCalls {
  readonly #deps: OpenCallsDeps;
  readonly #byCaller = new Map<string, Set<OpenCall>>();
  readonly #unsubscribe: () => void;

  constructor(deps: OpenCallsDeps) {
    this.#deps = deps;
    this.#unsubscribe = deps.registry.onApplied((changes) => {
      for (const change of changes) {
        if (change.type === "node") this.#recheck(this.#byCaller.get(change.key));
        else if (change.type === "bundle") for (const calls of this.#byCaller.values()) this.#recheck(calls);
      }
    });
  }

  /** `end` is called at most once, when the call must not go on. Returns the release. */
  add(caller: SvidCaller, asAgent: boolean, end: (error: ServiceError) => void): () => void {
    const key = caller.id.toString();
    const leftMs = caller.notAfterMs - this.#deps.clock.now() + 1;
    const expiry = this.#deps.clock.setTimer(Math.max(0, leftMs), () => {
      stop(
        asAgent ? expiredRefusal(caller) : serverErrors.error("ERR_CALLER_EXPIRED", "the caller's SVID has expired"),
      );
    });
    const stop = (error: ServiceError): void => {
      if (release()) end(error);
    };
    const call: OpenCall = { caller, asAgent, end: stop, expiry, grace: undefined };
    const calls = this.#byCaller.get(key) ?? new Set();
    this.#byCaller.set(key, calls.add(call));
    const release = (): boolean => {
      expiry.cancel();
      call.grace?.cancel();
      const wasOpen = calls.delete(call);
      if (calls.size === 0 && this.#byCaller.get(key) === calls) this.#byCaller.delete(key);
      return wasOpen;
    };
    return () => void release();
  }

  get size(): number {
    let total = 0;
    for (const calls of this.#byCaller.values()) total += calls.size;
    return total;
  }

  close(): void {
    this.#unsubscribe();
  }

  #recheck(calls: Set<OpenCall> | undefined): void {
    for (const call of [...(calls ?? [])]) {
      const { caller } = call;
      if (!this.#deps.trust.isTrustedInMemory(caller.id.trustDomain, caller.authorityId)) {
        const message = "the authority that signed the caller's SVID is no longer trusted";
        call.end(serverErrors.error("ERR_CALLER_DISTRUSTED", message));
      } else if (call.asAgent) this.#recheckAgent(call);
    }
  }

  #recheckAgent(call: OpenCall): void {
    const standing = standingOf(this.#deps.registry.node(call.caller.id), call.caller.serialNumber);
    if (standing === "not-attested" || standing === "banned") call.end(standingRefusal(call.caller, standing));
    else if (standing === "not-active") {
      call.grace ??= this.#deps.clock.setTimer(supersededGraceMs, () => {
        call.end(standingRefusal(call.caller, "not-active"));
      });
    }
  }
}
