import { backOffMs, type Clock, type Random } from "../../runtime/core/index.ts";
import { backOffs } from "../limits.ts";
import { UnknownAuthority } from "./unknown-authority.ts";

/** What to do when the server's certificate is of authorities that are not in the bundle. */
export interface RebootstrapPolicy {
  /** `never`: nothing; `auto`: where the node can attest again; `always`: the same, and a node that cannot is an error. */
  readonly mode: "never" | "auto" | "always";
  /** How long it must last before the bootstrap bundle is fetched anew, milliseconds. */
  readonly delayMs: number;
}

/** When the agent has to begin anew under a fresh bootstrap bundle. */
export class Rebootstrap {
  readonly #policy: RebootstrapPolicy;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #unknown: UnknownAuthority;
  #failures = 0;
  #notBeforeMs = 0;

  constructor(policy: RebootstrapPolicy, clock: Clock, random: Random) {
    this.#policy = policy;
    this.#clock = clock;
    this.#random = random;
    this.#unknown = new UnknownAuthority(clock);
  }

  /** A call or a stream has failed. True when from now on the server is one of unknown authorities. */
  serverFailed(error: unknown): boolean {
    const wasKnown = this.#unknown.forMs === undefined;
    this.#unknown.failed(error);
    return wasKnown && this.#unknown.forMs !== undefined;
  }

  serverVerified(): void {
    this.#unknown.verified();
  }

  /** Wall time, milliseconds; Infinity when it is not due. */
  get dueAtMs(): number {
    const { forMs } = this.#unknown;
    if (this.#policy.mode === "never" || forMs === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(this.#notBeforeMs, this.#clock.now() - forMs + this.#policy.delayMs);
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** It did not succeed. Milliseconds until it is due again. */
  retryLater(): number {
    const delayMs = backOffMs(this.#failures, backOffs.attest, this.#random);
    this.#failures += 1;
    this.#notBeforeMs = this.#clock.now() + delayMs;
    return delayMs;
  }
}
