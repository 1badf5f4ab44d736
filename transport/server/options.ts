import type { Clock, Logger, Metrics, Random } from "../../runtime/core/index.ts";
import type { RpcRouter } from "../grpc/router.ts";
import type { ListenerLimits } from "../grpc/types.ts";
import type { Peer } from "../peer.ts";
import type { ByteBudget } from "./byte-budget.ts";
import type { TransportMetrics } from "./metrics.ts";

/** What every listener takes besides its address. */
export interface ListenerOptions {
  readonly router: RpcRouter;
  /** Default: `transportLimits` of the listener's kind. */
  readonly limits?: ListenerLimits;
  readonly logger?: Logger;
  /** Give the result of `transportMetrics(metrics)` when several listeners share one registry. */
  readonly metrics?: Metrics | TransportMetrics;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Label of this listener in metrics and logs. */
  readonly name?: string;
  /**
   * How old a connection with calls of these methods under way may become, milliseconds; give or take a tenth. Then it
   * is asked to leave (GOAWAY) and its calls go on to their end. `certifiedMs` is how long the peer's certificates were
   * valid when it came, Infinity without any. Default: for ever.
   */
  readonly maxConnectionAgeMs?: (methods: Iterable<string>, certifiedMs: number) => number;
}

/** Counts calls over connections, so that one caller cannot take every place. */
export interface CallAdmission {
  /** False: refused, nothing is counted. */
  enter(peer: Peer): boolean;
  leave(peer: Peer): void;
}

/** The same with defaults filled in; what calls and connections work with. */
export interface RpcServerDeps {
  readonly name: string;
  readonly router: RpcRouter;
  readonly limits: ListenerLimits;
  readonly admission: CallAdmission;
  /** Requests that are still arriving or not yet answered. */
  readonly receiving: ByteBudget;
  /** Answers that were given and wait for their callers to read. */
  readonly sending: ByteBudget;
  readonly logger: Logger;
  readonly metrics: TransportMetrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly maxConnectionAgeMs: (methods: Iterable<string>, certifiedMs: number) => number;
  readonly nextId: () => string;
}
