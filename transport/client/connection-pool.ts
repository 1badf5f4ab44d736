import { type ClientHttp2Session, connect, constants } from "node:http2";
import type { Duplex } from "node:stream";
import type { Clock, Timer } from "../../runtime/core/index.ts";
import { transportErrors } from "../errors/transport.ts";
import type { ClientConnection } from "./call.ts";

export interface KeepAlive {
  /** A ping that often on an open connection, milliseconds. Others' servers may refuse less than 5 minutes. */
  readonly everyMs: number;
  /** The connection is lost when the answer takes longer, milliseconds. */
  readonly timeoutMs: number;
}

export interface PoolOptions {
  /** Makes a connection that is ready for application data. Rejects with `ServiceError`. */
  readonly dial: (signal: AbortSignal) => Promise<Duplex>;
  readonly authority: string;
  /** For the connection, and again for the other side's first HTTP/2 frame. */
  readonly connectTimeoutMs: number;
  readonly keepAlive: KeepAlive | undefined;
  /** The other side asked this connection to leave: open calls go on, the next one gets a new connection. */
  readonly onLeaving?: (() => void) | undefined;
  readonly clock: Clock;
}

/** Answers may be large and many: windows that let them flow. */
const streamWindow = 1024 * 1024;
const connectionWindow = 4 * 1024 * 1024;
const sessionMemoryMb = 64;
const maxMetadataBytes = 64 * 1024;

/** The one connection of a channel: made on demand, shared by its calls, replaced when it is lost or leaving. */
export class ConnectionPool {
  readonly #options: PoolOptions;
  readonly #abort = new AbortController();
  readonly #open = new Set<OpenConnection>();
  #current: OpenConnection | undefined;
  #connecting: Promise<OpenConnection> | undefined;
  #isRefusing = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  connection(): Promise<ClientConnection> {
    if (this.#isRefusing) return Promise.reject(transportErrors.error("ERR_CONNECTION_LOST", "the channel is closed"));
    if (this.#current?.isUsable === true) return Promise.resolve(this.#current);
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  drain(): void {
    this.#isRefusing = true;
    for (const connection of this.#open) connection.session.close();
  }

  close(): void {
    this.#isRefusing = true;
    this.#abort.abort(transportErrors.error("ERR_CONNECTION_LOST", "the channel was closed"));
    for (const connection of this.#open) connection.lose(this.#abort.signal.reason);
  }

  async #connect(): Promise<OpenConnection> {
    const { clock, connectTimeoutMs, dial } = this.#options;
    const abort = new AbortController();
    const onClose = (): void => abort.abort(this.#abort.signal.reason);
    this.#abort.signal.addEventListener("abort", onClose, { once: true });
    const timer = clock.setTimer(connectTimeoutMs, () => {
      abort.abort(transportErrors.error("ERR_CONNECT_FAILED", `no connection within ${connectTimeoutMs} ms`));
    });
    try {
      const socket = await dial(abort.signal);
      const connection = new OpenConnection(socket, this.#options, () => this.#open.delete(connection));
      this.#open.add(connection);
      this.#current = connection;
      // The calls that waited for it are open calls: they start first.
      if (this.#isRefusing) connection.session.once("remoteSettings", () => connection.session.close());
      return connection;
    } finally {
      timer.cancel();
      this.#abort.signal.removeEventListener("abort", onClose);
    }
  }
}

class OpenConnection implements ClientConnection {
  readonly session: ClientHttp2Session;
  readonly #options: PoolOptions;
  #lostBy: unknown;
  #isLeaving = false;
  #pingTimer: Timer | undefined;
  readonly #greetingTimer: Timer;

  constructor(socket: Duplex, options: PoolOptions, onClosed: () => void) {
    this.#options = options;
    socket.on("error", (error) => this.#note(error));
    socket.once("close", () => this.#note(new Error("closed by the other side")));
    this.session = connect(options.authority, {
      createConnection: () => socket,
      maxSessionMemory: sessionMemoryMb,
      settings: { enablePush: false, initialWindowSize: streamWindow, maxHeaderListSize: maxMetadataBytes },
    });
    this.session.once("connect", () => this.session.setLocalWindowSize(connectionWindow));
    // A socket that accepts and says nothing would hold calls for ever.
    this.#greetingTimer = options.clock.setTimer(options.connectTimeoutMs, () => {
      const text = `no HTTP/2 from the other side within ${options.connectTimeoutMs} ms`;
      this.lose(transportErrors.error("ERR_CONNECTION_LOST", text));
    });
    this.session.once("remoteSettings", () => this.#greetingTimer.cancel());
    this.session.once("goaway", () => {
      this.#isLeaving = true;
      options.onLeaving?.();
    });
    this.session.on("error", (error) => this.#note(error));
    this.session.once("close", () => {
      this.#greetingTimer.cancel();
      this.#pingTimer?.cancel();
      onClosed();
    });
    this.#armPing();
  }

  get isUsable(): boolean {
    return !this.#isLeaving && this.#lostBy === undefined && !this.session.closed && !this.session.destroyed;
  }

  readonly lostBy = (): unknown => this.#lostBy;

  lose(reason: unknown): void {
    this.#note(reason);
    this.session.destroy(undefined, constants.NGHTTP2_CANCEL);
  }

  #note(error: unknown): void {
    this.#lostBy ??= error;
  }

  #armPing(): void {
    const { keepAlive, clock } = this.#options;
    if (keepAlive === undefined || this.session.destroyed) return;
    this.#pingTimer = clock.setTimer(keepAlive.everyMs, () => this.#ping(keepAlive.timeoutMs));
  }

  #ping(timeoutMs: number): void {
    const timer = this.#options.clock.setTimer(timeoutMs, () => {
      this.lose(transportErrors.error("ERR_CONNECTION_LOST", `no answer to a ping within ${timeoutMs} ms`));
    });
    const isSent =
      !this.session.destroyed &&
      this.session.ping((error) => {
        timer.cancel();
        if (error === null) this.#armPing();
      });
    if (!isSent) timer.cancel();
  }
}
