import type { Duplex } from "node:stream";
import { errorFields } from "../../runtime/core/index.ts";
import { commonErrors } from "../errors/common.ts";
import type { ServiceError } from "../errors/service-error.ts";
import { transportErrors } from "../errors/transport.ts";
import {
  type ConnectionError,
  encodeHeaderBlock,
  errorCode,
  Http2ServerSession,
  type Http2SessionHandler,
  type Http2Stream,
  type RequestHead,
} from "../http2/index.ts";
import type { Peer } from "../peer.ts";
import type { ByteShare } from "../server/byte-budget.ts";
import type { RpcServerDeps } from "../server/options.ts";
import { notGrpc, ServerCall } from "./server-call.ts";

/** The HTTP/2 session of one accepted connection, whose peer is established already. */
export class ServerConnection implements Http2SessionHandler {
  readonly peer: Peer;
  readonly deps: RpcServerDeps;
  readonly receiving: ByteShare;
  readonly sending: ByteShare;
  readonly #session: Http2ServerSession;
  readonly #calls = new Set<ServerCall>();
  readonly #onGone: (connection: ServerConnection) => void;
  /** When it last had no call; `undefined` while it has. */
  #idleSinceMs: number | undefined;
  readonly #bornMs: number;
  /** Of the age limit, so that those who came together do not all come back together. */
  readonly #spread: number;
  /** How long the peer's certificates were valid when it came. */
  readonly #certifiedMs: number;
  #isLeaving = false;
  /** When a sweep first found that everything is said. */
  #endingSinceMs: number | undefined;

  constructor(socket: Duplex, peer: Peer, deps: RpcServerDeps, onGone: (connection: ServerConnection) => void) {
    this.peer = peer;
    this.deps = deps;
    this.receiving = deps.receiving.shareOf(peer);
    this.sending = deps.sending.shareOf(peer);
    this.#onGone = onGone;
    this.#bornMs = deps.clock.monotonic();
    this.#idleSinceMs = this.#bornMs;
    const path = peer.kind === "tls" ? (peer.svid?.path ?? []) : [];
    this.#certifiedMs = Math.min(...path.map(({ notAfter }) => notAfter)) - deps.clock.now();
    this.#spread = 0.9 + 0.2 * deps.random.float();
    this.#session = new Http2ServerSession(
      socket,
      {
        maxConcurrentStreams: deps.limits.maxConcurrentStreams,
        maxHeaderListBytes: deps.limits.maxMetadataBytes,
        now: () => deps.clock.monotonic(),
      },
      this,
    );
  }

  get calls(): Iterable<ServerCall> {
    return this.#calls;
  }

  get callCount(): number {
    return this.#calls.size;
  }

  /**
   * Closes it when it has been silent too long: no HTTP/2 preface in time, or no call for the idle time. Ends calls
   * whose request does not end.
   */
  sweep(nowMs: number): void {
    for (const call of [...this.#calls]) call.sweep(nowMs);
    this.#leaveInTime(nowMs);
    if (this.#idleSinceMs === undefined) return;
    const silentMs = nowMs - this.#idleSinceMs;
    const { handshakeTimeoutMs, idleTimeoutMs } = this.deps.limits;
    if (!this.#session.isGreeted && silentMs >= handshakeTimeoutMs) this.destroy();
    else if (silentMs >= idleTimeoutMs) this.#session.leave();
    if (this.#session.isEnding) this.#destroyInTime(nowMs);
  }

  /** Who does not read our goodbye is not waited for longer than for a call. */
  #destroyInTime(nowMs: number): void {
    this.#endingSinceMs ??= nowMs;
    if (nowMs - this.#endingSinceMs >= this.deps.limits.idleTimeoutMs) this.destroy();
  }

  /** In two steps, a sweep apart: a call that was sent before the client read the first is still served. */
  #leaveInTime(nowMs: number): void {
    if (this.#session.isLeaving || !this.#session.isGreeted) return;
    if (this.#isLeaving) {
      this.drain();
      return;
    }
    const limitMs = this.#spread * this.deps.maxConnectionAgeMs(this.#methods(), this.#certifiedMs);
    if (nowMs - this.#bornMs < limitMs) return;
    this.#isLeaving = true;
    this.#session.announceLeave();
  }

  *#methods(): Generator<string, void> {
    for (const { method } of this.#calls) yield method;
  }

  /** GOAWAY; calls already running go on. */
  drain(): void {
    this.#session.leave();
  }

  /** Ends the calls that `predicate` chooses with `error`. */
  endCalls(predicate: (call: ServerCall) => boolean, error: ServiceError): void {
    for (const call of [...this.#calls]) if (predicate(call)) call.end(error);
  }

  destroy(): void {
    this.#session.destroy();
  }

  onStream(stream: Http2Stream, { method: httpMethod, path, fields }: RequestHead): void {
    const { router, admission } = this.deps;
    const httpStatus = notGrpc(httpMethod, fields);
    if (httpStatus !== undefined) {
      refuse(stream, httpStatus);
      return;
    }
    const call = new ServerCall(stream, path, fields, this);
    this.#calls.add(call);
    this.#idleSinceMs = undefined;
    if (!admission.enter(this.peer)) {
      this.#refused.add(call);
      call.end(transportErrors.error("ERR_TOO_MANY_STREAMS", "too many calls open for this caller"));
      return;
    }
    const method = router.method(path);
    if (method === undefined) {
      call.end(commonErrors.error("ERR_UNIMPLEMENTED", `method ${path.slice(0, 128)} is not served`));
      return;
    }
    void call.run(method);
  }

  /** Calls that admission did not count. */
  readonly #refused = new Set<ServerCall>();

  onBroken({ message, code }: ConnectionError): void {
    const { logger, name } = this.deps;
    logger.debug(
      { listener: name, connection: this.peer.connectionId, reason: message, http2_error: code },
      "connection broken",
    );
  }

  onFault(error: unknown): void {
    this.deps.logger.error(errorFields(error), "connection failed");
  }

  onClosed(): void {
    this.#onGone(this);
  }

  onCallClosed(call: ServerCall): void {
    this.#calls.delete(call);
    if (!this.#refused.delete(call)) this.deps.admission.leave(this.peer);
    if (this.#calls.size === 0) this.#idleSinceMs = this.deps.clock.monotonic();
  }
}

function refuse(stream: Http2Stream, httpStatus: number): void {
  stream.end(encodeHeaderBlock([":status", String(httpStatus)]));
  // It is not read to its end.
  stream.reset(errorCode.noError);
}
