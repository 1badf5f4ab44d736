import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Duplex } from "node:stream";
import { commonErrors } from "../errors/common.ts";
import type { ServiceError } from "../errors/service-error.ts";
import { transportErrors } from "../errors/transport.ts";
import type { Peer } from "../peer.ts";
import type { ByteShare } from "../server/byte-budget.ts";
import type { RpcServerDeps } from "../server/options.ts";
import { notGrpc, ServerCall } from "./server-call.ts";

/** RFC 9113 §6.8: says that a connection is about to leave while every call on its way is still taken. */
const noStreamRefused = 2 ** 31 - 1;

/** The HTTP/2 session of one accepted connection, whose peer is established already. */
export class ServerConnection {
  readonly peer: Peer;
  readonly deps: RpcServerDeps;
  readonly receiving: ByteShare;
  readonly sending: ByteShare;
  readonly #session: ServerHttp2Session;
  readonly #calls = new Set<ServerCall>();
  readonly #onGone: (connection: ServerConnection) => void;
  /** When it last had no call; `undefined` while it has. */
  #idleSinceMs: number | undefined;
  #isGreeted = false;
  readonly #bornMs: number;
  /** Of the age limit, so that those who came together do not all come back together. */
  readonly #spread: number;
  /** How long the peer's certificates were valid when it came. */
  readonly #certifiedMs: number;
  #isLeaving = false;

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
    this.#session = performServerHandshake(socket, sessionOptions(deps));
    this.#session.once("remoteSettings", () => {
      this.#isGreeted = true;
    });
    this.#session.on("stream", (stream, headers, _flags, rawHeaders) => {
      this.#onStream(stream, headers, rawHeaders);
    });
    this.#session.on("error", () => {
      // Broken frames and broken sockets end in "close", too.
    });
    this.#session.once("close", () => this.#onGone(this));
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
    if (!this.#isGreeted && silentMs >= this.deps.limits.handshakeTimeoutMs) this.destroy();
    else if (silentMs >= this.deps.limits.idleTimeoutMs) this.#session.close();
  }

  /** In two steps, a sweep apart: a call that was sent before the client read the first is still served. */
  #leaveInTime(nowMs: number): void {
    if (this.#session.closed || !this.#isGreeted) return;
    if (this.#isLeaving) {
      this.drain();
      return;
    }
    const limitMs = this.#spread * this.deps.maxConnectionAgeMs(this.#methods(), this.#certifiedMs);
    if (nowMs - this.#bornMs < limitMs) return;
    this.#isLeaving = true;
    this.#session.goaway(constants.NGHTTP2_NO_ERROR, noStreamRefused);
  }

  *#methods(): Generator<string, void> {
    for (const { method } of this.#calls) yield method;
  }

  /** GOAWAY; calls already running go on. */
  drain(): void {
    if (!this.#session.closed) this.#session.close();
  }

  /** Ends the calls that `predicate` chooses with `error`. */
  endCalls(predicate: (call: ServerCall) => boolean, error: ServiceError): void {
    for (const call of [...this.#calls]) if (predicate(call)) call.end(error);
  }

  destroy(): void {
    if (!this.#session.destroyed) this.#session.destroy(undefined, constants.NGHTTP2_CANCEL);
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: readonly string[]): void {
    const { router, admission } = this.deps;
    const httpStatus = notGrpc(headers);
    if (httpStatus !== undefined) {
      refuse(stream, httpStatus);
      return;
    }
    const path = String(headers[":path"]);
    const call = new ServerCall(stream, path, rawHeaders, this);
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

  onClosed(call: ServerCall): void {
    this.#calls.delete(call);
    if (!this.#refused.delete(call)) this.deps.admission.leave(this.peer);
    if (this.#calls.size === 0) this.#idleSinceMs = this.deps.clock.monotonic();
  }
}

function refuse(stream: ServerHttp2Stream, httpStatus: number): void {
  stream.on("error", () => {
    // The stream is refused; how its end fails does not matter.
  });
  stream.respond({ [constants.HTTP2_HEADER_STATUS]: httpStatus }, { endStream: true });
  stream.close(constants.NGHTTP2_NO_ERROR);
}

function sessionOptions({ limits }: RpcServerDeps): Parameters<typeof performServerHandshake>[1] {
  return {
    maxSessionMemory: limits.maxSessionMemoryMb,
    maxSendHeaderBlockLength: 64 * 1024,
    maxHeaderListPairs: 64,
    settings: {
      enablePush: false,
      maxConcurrentStreams: limits.maxConcurrentStreams,
      maxHeaderListSize: limits.maxMetadataBytes,
    },
  };
}
