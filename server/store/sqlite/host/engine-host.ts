import type { Change } from "../../ports.ts";
import type { ChangeListeners } from "../change-listeners.ts";
import type { Answer, Args, EngineAnswer, EngineRequest, Operation, RowPosition, SnapshotChunk } from "../protocol.ts";
import { storeError } from "./store-error.ts";

export interface Decoded<T> {
  readonly value: T;
  /** What to announce to the feed's listeners. */
  readonly changes: readonly Change[];
}

/** Where an engine runs. */
export interface EngineHost {
  /**
   * Sends one request. `decode` runs in commit order; the changes of all requests of one commit are announced before
   * any of their promises settles, so who awaits a write then reads it from memory.
   */
  call<K extends Operation, T>(op: K, args: Args<K>, decode: (answer: Answer<K>) => Decoded<T>): Promise<T>;
  snapshot(onChunk: (chunk: SnapshotChunk) => void): Promise<RowPosition>;
  /** Idempotent; waits for the requests that were accepted. */
  close(): Promise<void>;
}

/** A request on its way, with its types forgotten. */
export interface Pending {
  readonly request: EngineRequest;
  /** Decodes; returns what to announce and how to settle afterwards. */
  receive(answer: EngineAnswer): { readonly changes: readonly Change[]; readonly settle: () => void };
  reject(error: unknown): void;
}

export function makePending<K extends Operation, T>(
  op: K,
  args: Args<K>,
  decode: (answer: Answer<K>) => Decoded<T>,
): { readonly pending: Pending; readonly promise: Promise<T> } {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const pending: Pending = {
    request: { op, args },
    receive: (answer) => {
      if (answer.kind === "failure") {
        return { changes: [], settle: () => reject(storeError(answer.failure)) };
      }
      try {
        const { value, changes } = decode(answerTo(op, answer.value));
        return { changes, settle: () => resolve(value) };
      } catch (cause) {
        const failure = { code: "ERR_STORE_CORRUPT", message: "a stored value cannot be read back" } as const;
        return { changes: [], settle: () => reject(storeError(failure, cause)) };
      }
    },
    reject,
  };
  return { pending, promise };
}

/** All answers of one commit. */
export function settleCommit(
  answered: readonly { readonly pending: Pending; readonly answer: EngineAnswer }[],
  listeners: ChangeListeners,
): void {
  const received = answered.map(({ pending, answer }) => pending.receive(answer));
  const changes = received.flatMap((one) => one.changes);
  if (changes.length > 0) listeners.announce(changes);
  for (const { settle } of received) settle();
}

/** The one place that trusts the engine to answer an operation with that operation's type. */
function answerTo<K extends Operation>(_op: K, value: unknown): Answer<K> {
  return value as Answer<K>;
}
