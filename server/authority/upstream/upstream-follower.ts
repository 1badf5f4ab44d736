import { backOffMs, type Clock, errorFields, type Logger, type Random } from "../../../runtime/core/index.ts";
import { SpiffeBundle, type TrustDomain } from "../../../spiffe/index.ts";
import type { AuthorityStore, BundleStore } from "../../store/ports.ts";
import type { UpstreamAuthority, UpstreamBundle } from "../ports.ts";
import { upstreamEdits } from "./upstream-edits.ts";

const retry = { initialMs: 1_000, capMs: 60_000 };

export interface UpstreamFollowerDeps {
  readonly trustDomain: TrustDomain;
  readonly upstream: UpstreamAuthority;
  readonly store: AuthorityStore & BundleStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Keeps the own bundle a true copy of the one above, plus what is our own. */
export class UpstreamFollower {
  readonly #deps: UpstreamFollowerDeps;
  #before: UpstreamBundle | undefined;
  #failures = 0;

  constructor(deps: UpstreamFollowerDeps) {
    this.#deps = deps;
  }

  /** Follows until aborted; what fails is logged and tried again. For a task group. */
  async run(signal: AbortSignal): Promise<void> {
    const { upstream, clock, random, logger } = this.#deps;
    if (upstream.followBundle === undefined) return;
    while (!signal.aborted) {
      try {
        await upstream.followBundle((bundle) => this.#take(bundle), signal);
      } catch (error) {
        if (signal.aborted) return;
        const retryMs = backOffMs(this.#failures, retry, random);
        this.#failures += 1;
        logger.warn(
          { retry_ms: retryMs, ...errorFields(error) },
          "could not follow the bundle of the upstream authority, will try again",
        );
        await clock.sleep(retryMs, { signal }).catch(() => {});
      }
    }
  }

  async #take(now: UpstreamBundle): Promise<void> {
    const { trustDomain, store, clock, logger } = this.#deps;
    if (now.x509.length === 0) throw new Error("the bundle above trusts nobody");
    const bundle = (await store.findBundle(trustDomain)) ?? SpiffeBundle.empty(trustDomain);
    const records = await store.listAuthorities();
    const nowSeconds = Math.floor(clock.now() / 1000);
    const bundleEdits = upstreamEdits({ bundle, records, before: this.#before, now, nowSeconds });
    if (bundleEdits.length > 0) {
      await store.commitAuthorities({ put: [], remove: [], bundleEdits });
      logger.info({ edits: bundleEdits.map(({ kind }) => kind) }, "took over changes of the upstream bundle");
    }
    this.#before = now;
    this.#failures = 0;
  }
}
