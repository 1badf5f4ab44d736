import { noMetrics, silentLogger, systemClock, systemRandom } from "../../runtime/core/index.ts";
import type { ServiceError } from "../errors/service-error.ts";
import type { ListenerLimits } from "../grpc/types.ts";
import type { Peer } from "../peer.ts";
import { ByteBudget } from "./byte-budget.ts";
import { toTransportMetrics } from "./metrics.ts";
import type { CallAdmission, ListenerOptions, RpcServerDeps } from "./options.ts";

export type ListenerAddress =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** A listening socket with its connections. Disposing it is `close({ graceMs: 0 })`. */
export interface Listener extends AsyncDisposable {
  readonly address: ListenerAddress;
  connections(): number;
  /** Calls open now. */
  calls(): number;
  /** Ends the open calls that `predicate` chooses with `error`'s status. */
  endStreams(predicate: (peer: Peer, method: string) => boolean, error: ServiceError): void;
  /** Stops accepting, says goodbye (GOAWAY), and after `graceMs` ends what still runs with Unavailable. Idempotent. */
  close(options: { readonly graceMs: number }): Promise<void>;
}

export function serverDeps(
  options: ListenerOptions,
  defaults: { readonly name: string; readonly limits: ListenerLimits; readonly admission: CallAdmission },
): RpcServerDeps {
  const random = options.random ?? systemRandom;
  const prefix = Buffer.from(random.bytes(6)).toString("hex");
  let calls = 0;
  const limits = options.limits ?? defaults.limits;
  return {
    name: options.name ?? defaults.name,
    router: options.router,
    limits,
    admission: defaults.admission,
    receiving: new ByteBudget({ total: limits.maxReceivingBytes, perPeer: limits.maxReceivingBytesPerPeer }),
    // In all there is no bound: after a restart thousands of honest callers have an answer on its way at once.
    sending: new ByteBudget({ total: Number.POSITIVE_INFINITY, perPeer: limits.maxUnreadBytesPerPeer }),
    logger: options.logger ?? silentLogger,
    metrics: toTransportMetrics(options.metrics ?? noMetrics),
    clock: options.clock ?? systemClock,
    random,
    maxConnectionAgeMs: options.maxConnectionAgeMs ?? (() => Number.POSITIVE_INFINITY),
    nextId: () => {
      calls += 1;
      return `${prefix}-${calls.toString(36)}`;
    },
  };
}
