import { type Clock, errorFields, type Logger } from "../runtime/core/index.ts";
import { serverErrors } from "./errors.ts";
import { serverLimits } from "./limits.ts";

export interface StoreIntegrityDeps {
  /** Reads the whole store and names what is damaged. Must not hold up its writes. */
  readonly look: (signal: AbortSignal) => Promise<readonly string[]>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Looks once, a while after the start, whether the database is sound: damage deep in the file shows only when somebody
 * reads there, which may be the day the data is needed. Found damage is logged, and told by health until the restart.
 */
export class StoreIntegrity {
  readonly #deps: StoreIntegrityDeps;
  #damage: Error | undefined;

  constructor(deps: StoreIntegrityDeps) {
    this.#deps = deps;
  }

  /** @throws ServiceError ERR_STORE_DAMAGED once damage was found */
  check(): void {
    if (this.#damage !== undefined) throw this.#damage;
  }

  /** Never rejects. For a task group. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, look } = this.#deps;
    try {
      await clock.sleep(serverLimits.storeIntegrityDelayMs.value, { signal });
      const startedAt = clock.monotonic();
      const problems = await look(signal);
      const tookMs = Math.round(clock.monotonic() - startedAt);
      const [first] = problems;
      if (first === undefined) {
        logger.debug({ took_ms: tookMs }, "the database file is sound");
        return;
      }
      const error = serverErrors.error("ERR_STORE_DAMAGED", `the database file is damaged: ${first}`);
      this.#damage = error;
      logger.error({ ...errorFields(error), problems, took_ms: tookMs, fix: error.fix }, "the database is damaged");
    } catch (error) {
      if (!signal.aborted) logger.warn(errorFields(error), "the database file could not be checked");
    }
  }
}
