import { backOffMs, type Random } from "../../runtime/core/index.ts";
import { ServiceError } from "../../transport/index.ts";
import { backOffs } from "../limits.ts";

/** When the agent's own SVID may be asked for again after a renewal that failed. */
export class RenewalPace {
  readonly #random: Random;
  /** Renewals in a row that failed. */
  #failures = 0;
  #notBeforeMs = 0;
  /** The last renewal failed because no server could be reached. */
  #isCutOff = false;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Not before this time, Unix milliseconds. */
  get notBeforeMs(): number {
    return this.#notBeforeMs;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#notBeforeMs = 0;
    this.#isCutOff = false;
  }

  /**
   * Returns the delay, milliseconds. The less of the identity is left, the shorter: no single wait may be what it ends in.
   */
  failed(error: unknown, nowMs: number, notAfterMs: number): number {
    const mostMs = Math.max((notAfterMs - nowMs) / 8, backOffs.renew.initialMs / 2);
    const delayMs = Math.min(backOffMs(this.#failures, backOffs.renew, this.#random), Math.round(mostMs));
    this.#failures += 1;
    this.#notBeforeMs = nowMs + delayMs;
    this.#isCutOff = error instanceof ServiceError && error.status === "unavailable";
    return delayMs;
  }

  /** What an outage has put off is not put off any longer. False: nothing was; a refusal waits its time out. */
  serverIsBack(): boolean {
    if (!this.#isCutOff) return false;
    this.succeeded();
    return true;
  }
}
