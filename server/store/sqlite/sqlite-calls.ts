import { decodeChange } from "./codec/feed.ts";
import type { SharedValues } from "./codec/shared-values.ts";
import type { Decoded, EngineHost } from "./host/engine-host.ts";
import type { Answer, Args, Changed, Operation } from "./protocol.ts";

/** Operations whose answer carries the changes it made. */
type ChangingOperation = { [K in Operation]: Answer<K> extends Changed<unknown> ? K : never }[Operation];

/** How the parts of the store talk to the engine, wherever that runs. */
export class SqliteCalls {
  readonly host: EngineHost;
  readonly shared: SharedValues;

  constructor(host: EngineHost, shared: SharedValues) {
    this.host = host;
    this.shared = shared;
  }

  read<K extends Operation, T>(op: K, args: Args<K>, decode: (answer: Answer<K>) => T): Promise<T> {
    return this.host.call(op, args, (answer): Decoded<T> => ({ value: decode(answer), changes: [] }));
  }

  change<K extends ChangingOperation>(op: K, args: Args<K>): Promise<Answer<K>["value"]> {
    return this.host.call(
      op,
      args,
      (answer): Decoded<Answer<K>["value"]> => ({
        value: answer.value,
        changes: answer.changes.map((change) => decodeChange(change, this.shared)),
      }),
    );
  }
}
