import { type Clock, type Logger, type Random, uuidV7 } from "../../../runtime/core/index.ts";
import type { TrustDomain } from "../../../spiffe/index.ts";
import type { Store } from "../ports.ts";
import { ChangeListeners } from "./change-listeners.ts";
import { openDataDirectory } from "./engine/data-directory.ts";
import { Engine, type EngineOptions } from "./engine/engine.ts";
import { failureOf } from "./engine/failure.ts";
import { InlineHost } from "./host/inline-host.ts";
import { storeError } from "./host/store-error.ts";
import { WorkerHost } from "./host/worker-host.ts";
import { SqliteStore } from "./sqlite-store.ts";

export interface SqliteStoreOptions {
  /** Own trust domain. */
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * The production store: files in `directory`, the engine in a worker thread.
 * @throws ServiceError ERR_STORE_CORRUPT, ERR_STORE_LOCKED, ERR_STORE_SCHEMA_NEWER, ERR_STORE_UNAVAILABLE
 */
export async function openSqliteStore(options: SqliteStoreOptions & { readonly directory: string }): Promise<Store> {
  const { trustDomain, clock, random, logger, directory } = options;
  const listeners = new ChangeListeners(logger);
  const host = await WorkerHost.open({ ...identity(options), directory }, { clock, random, logger, listeners });
  return new SqliteStore({ trustDomain, clock, listeners, host });
}

/**
 * The same store in the caller's thread: in memory, or over files when `directory` is given. Deterministic: for tests
 * and simulation. Not for production, where its fsyncs would hold the event loop.
 */
export async function openInlineStore(options: SqliteStoreOptions & { readonly directory?: string }): Promise<Store> {
  const { trustDomain, clock, logger } = options;
  const listeners = new ChangeListeners(logger);
  return new SqliteStore({ trustDomain, clock, listeners, host: inlineHost(options, listeners) });
}

function inlineHost(
  options: SqliteStoreOptions & { readonly directory?: string },
  listeners: ChangeListeners,
): InlineHost {
  const { directory } = options;
  try {
    if (directory === undefined) {
      return new InlineHost(new Engine({ ...identity(options), path: ":memory:", inode: "" }), listeners, () => {});
    }
    const { engine, unlock } = openDataDirectory({ ...identity(options), directory });
    return new InlineHost(engine, listeners, unlock);
  } catch (error) {
    throw storeError(failureOf(error), error);
  }
}

function identity({ trustDomain, clock, random }: SqliteStoreOptions): Omit<EngineOptions, "path" | "inode"> {
  const nowMs = clock.now();
  return {
    trustDomain: trustDomain.name,
    newEpoch: uuidV7(nowMs, random),
    newServerId: uuidV7(nowMs, random),
    nowMs,
  };
}
