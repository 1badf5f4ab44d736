import type { Duplex } from "node:stream";
import type { Timer } from "../../runtime/core/index.ts";
import { commonErrors } from "../errors/common.ts";
import type { ServiceError } from "../errors/service-error.ts";
import { ServerConnection } from "../grpc/server-connection.ts";
import type { Peer } from "../peer.ts";
import type { RpcServerDeps } from "./options.ts";

/** After the grace of `close`, ended calls have so long to reach their callers, milliseconds. */
const flushMs = 1_000;

/** The connections of one listener: sweeps the silent ones, ends streams, closes gracefully. Accepting is its owner's. */
export class RpcServer {
  readonly #deps: RpcServerDeps;
  readonly #connections = new Set<ServerConnection>();
  readonly #onGone: (peer: Peer) => void;
  #sweepTimer: Timer;
  #isClosing = false;
  #onEmpty: (() => void) | undefined;

  constructor(deps: RpcServerDeps, onGone: (peer: Peer) => void) {
    this.#deps = deps;
    this.#onGone = onGone;
    this.#sweepTimer = this.#armSweep();
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  get callCount(): number {
    let calls = 0;
    for (const connection of this.#connections) calls += connection.callCount;
    return calls;
  }

  /** Speaks gRPC on `socket` with `peer`. */
  serve(socket: Duplex, peer: Peer): void {
    const connection = new ServerConnection(socket, peer, this.#deps, (gone) => this.#forget(gone));
    this.#connections.add(connection);
    this.#deps.metrics.connections.set(this.#connections.size, this.#deps.name);
    if (this.#isClosing) connection.drain();
  }

  endStreams(predicate: (peer: Peer, method: string) => boolean, error: ServiceError): void {
    for (const connection of this.#connections) {
      connection.endCalls((call) => predicate(connection.peer, call.method), error);
    }
  }

  /** Drops connections of such peers with all their calls. */
  dropConnections(predicate: (peer: Peer) => boolean): void {
    for (const connection of [...this.#connections]) if (predicate(connection.peer)) connection.destroy();
  }

  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    for (const connection of [...this.#connections]) connection.drain();
    await this.#emptied(graceMs);
    this.endStreams(() => true, commonErrors.error("ERR_SHUTTING_DOWN", "the service is stopping"));
    await this.#emptied(flushMs);
    this.#sweepTimer.cancel();
    this.dropConnections(() => true);
  }

  /** Resolves when no connection is left, or after `limitMs`. */
  #emptied(limitMs: number): Promise<void> {
    if (this.#connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#deps.clock.setTimer(limitMs, resolve);
      this.#onEmpty = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  #forget(connection: ServerConnection): void {
    this.#connections.delete(connection);
    this.#deps.metrics.connections.set(this.#connections.size, this.#deps.name);
    this.#onGone(connection.peer);
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  /** One timer for all connections: ten thousand of them must not mean ten thousand timers. */
  #armSweep(): Timer {
    const { handshakeTimeoutMs, idleTimeoutMs } = this.#deps.limits;
    const everyMs = Math.max(10, Math.min(handshakeTimeoutMs, idleTimeoutMs) / 5);
    return this.#deps.clock.setTimer(everyMs, () => {
      const nowMs = this.#deps.clock.monotonic();
      for (const connection of [...this.#connections]) connection.sweep(nowMs);
      this.#sweepTimer = this.#armSweep();
    });
  }
}
