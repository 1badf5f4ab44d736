import type { ChangeListeners } from "../change-listeners.ts";
import type { Engine } from "../engine/engine.ts";
import { failureOf } from "../engine/failure.ts";
import type { Answer, Args, Operation, RowPosition, SnapshotChunk } from "../protocol.ts";
import { type Decoded, type EngineHost, makePending, settleCommit } from "./engine-host.ts";
import { storeError, unavailable } from "./store-error.ts";

/** The engine in the caller's thread, one transaction a request, in the order of the calls: for tests and simulation. */
export class InlineHost implements EngineHost {
  readonly #engine: Engine;
  readonly #listeners: ChangeListeners;
  readonly #onClose: () => void;
  #closed = false;

  constructor(engine: Engine, listeners: ChangeListeners, onClose: () => void) {
    this.#engine = engine;
    this.#listeners = listeners;
    this.#onClose = onClose;
  }

  call<K extends Operation, T>(op: K, args: Args<K>, decode: (answer: Answer<K>) => Decoded<T>): Promise<T> {
    if (this.#closed) return Promise.reject(unavailable("the store is closed"));
    const { pending, promise } = makePending(op, args, decode);
    const [answer] = this.#engine.execute([pending.request]);
    if (answer === undefined) return Promise.reject(unavailable("the engine did not answer"));
    settleCommit([{ pending, answer }], this.#listeners);
    return promise;
  }

  async snapshot(onChunk: (chunk: SnapshotChunk) => void): Promise<RowPosition> {
    if (this.#closed) throw unavailable("the store is closed");
    try {
      using reader = this.#engine.snapshot();
      for (let chunk = reader.next(); chunk !== undefined; chunk = reader.next()) onChunk(chunk);
      return reader.position;
    } catch (error) {
      throw storeError(failureOf(error), error);
    }
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#engine.close();
      this.#onClose();
    }
    return Promise.resolve();
  }
}
