import { isIPv6 } from "node:net";
import type { Clock } from "../../runtime/core/index.ts";
import { plainAddress } from "../../transport/index.ts";
import { serverErrors } from "../errors.ts";
import { serverLimits } from "../limits.ts";
import { TokenBucket } from "./token-bucket.ts";

export type RateClass = "attest" | "x509" | "jwt" | "postStatus" | "publishJwt" | "sync" | "entries";

/** Calls a second of each address or agent, per class; `"off"` = no limits. */
export type Rates = Readonly<Record<RateClass, number>> | "off";

export interface WaitingCall {
  readonly signal: AbortSignal;
}

/**
 * Token buckets per class and caller: a remote address, or an agent. A caller over its rate waits up to two seconds, in order, and is refused
 * with the delay otherwise: what waits is bounded by the rate itself.
 */
export class RateLimiter {
  #rates: Rates;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, TokenBucket>();
  #waiting = 0;

  constructor(rates: Rates, clock: Clock) {
    this.#rates = rates;
    this.#clock = clock;
  }

  /** New rates hold at once; what was saved up under the old ones is forgotten. */
  configure(rates: Rates): void {
    this.#rates = rates;
    this.#buckets.clear();
  }

  /** Calls that wait now. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * `who`: an address, counted as `addressKey` says, or the SPIFFE ID of an agent.
   *
   * Resolves when the call may go on; rejects with the signal's reason when the caller gave up. `signal` is read only when the call has
   * to wait: to make one costs more than the rest of this.
   *
   * @throws ERR_RATE_BURST when `weight` can never be had, ERR_RATE_LIMITED when the wait would be too long.
   */
  async take(rateClass: RateClass, who: string, weight: number, call: WaitingCall): Promise<void> {
    if (this.#rates === "off" || weight <= 0) return;
    const rate = this.#rates[rateClass];
    if (weight > rate) throw serverErrors.error("ERR_RATE_BURST", `rate (${weight}) exceeds burst size (${rate})`);
    const bucket = this.#bucket(`${rateClass} ${addressKey(who)}`, rate);
    const taken = bucket.take(weight, this.#clock.monotonic(), serverLimits.rateWaitMs.value);
    if ("retryMs" in taken) {
      const delayMs = Math.ceil(taken.retryMs);
      const message = `too many calls, call again in ${Math.ceil(delayMs / 1000)} s`;
      throw serverErrors.error("ERR_RATE_LIMITED", message, { details: [{ kind: "retry", delayMs }] });
    }
    if (taken.waitMs === 0) return;
    this.#waiting += 1;
    try {
      await this.#clock.sleep(taken.waitMs, call);
    } catch (error) {
      bucket.giveBack(weight);
      throw error;
    } finally {
      this.#waiting -= 1;
    }
  }

  #bucket(key: string, rate: number): TokenBucket {
    const known = this.#buckets.get(key);
    if (known !== undefined) {
      // Most recently used last, so that the table forgets the idlest first.
      this.#buckets.delete(key);
      this.#buckets.set(key, known);
      return known;
    }
    if (this.#buckets.size >= serverLimits.rateBuckets.value) this.#forgetSome();
    const fresh = new TokenBucket(rate, this.#clock.monotonic());
    this.#buckets.set(key, fresh);
    return fresh;
  }

  /** Full buckets first; when all are in use the idlest go, so the table stays bounded whoever calls. */
  #forgetSome(): void {
    const now = this.#clock.monotonic();
    for (const [key, bucket] of this.#buckets) if (bucket.isFull(now)) this.#buckets.delete(key);
    for (const key of this.#buckets.keys()) {
      if (this.#buckets.size < serverLimits.rateBuckets.value) break;
      this.#buckets.delete(key);
    }
  }
}

/** One host of IPv6 owns a /64, so that is what is counted. */
export function addressKey(address: string): string {
  const plain = plainAddress(address);
  if (!isIPv6(plain)) return plain;
  const [head = "", tail] = (address.split("%", 1)[0] ?? "").split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros =
    tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => "0");
  return [...left, ...zeros, ...right]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
