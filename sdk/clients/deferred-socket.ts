import { Socket, type SocketConstructorOpts } from "node:net";
import type { PeerCertificate, TLSSocket } from "node:tls";
import { refusedByAlert } from "../../transport/tls/index.ts";
import { rememberSamePeer } from "../tls/peers.ts";

type Written = (error?: Error | null) => void;

const options: SocketConstructorOpts = { allowHalfOpen: false };

/**
 * What a library gets that wants its socket at once: nothing that is written to it leaves before `open` brought the
 * verified connection, which it is a front of from then on (event `connect`, as of net). When there is none, it is
 * destroyed with the reason.
 */
export class DeferredSocket extends Socket {
  readonly #abort = new AbortController();
  #inner: TLSSocket | undefined;
  #held: (() => void) | undefined;

  constructor() {
    super(options);
    // As of a net.Socket between `connect()` and its event; some libraries look.
    Reflect.set(this, "connecting", true);
  }

  /** Aborted when the library gives the socket up. */
  protected get signal(): AbortSignal {
    return this.#abort.signal;
  }

  protected open(connection: Promise<TLSSocket>): void {
    connection.then(
      (inner) => this.#front(inner),
      (error: unknown) => this.destroy(error instanceof Error ? error : new Error(String(error))),
    );
  }

  /** What the library gets of what the peer said. */
  protected incoming(chunk: Buffer): Buffer {
    return chunk;
  }

  /** What the peer gets of what the library said. */
  protected outgoing(chunk: Buffer): Buffer {
    return chunk;
  }

  /** The library has something to say before there is a connection; `send` sends it when there is one. */
  protected hold(_chunk: Buffer, send: () => void): void {
    this.#held = send;
  }

  #front(inner: TLSSocket): void {
    if (this.destroyed) {
      inner.destroy();
      return;
    }
    this.#inner = inner;
    rememberSamePeer(this, inner);
    Reflect.set(this, "connecting", false);
    inner.on("data", (chunk: Buffer) => {
      if (!this.push(this.incoming(chunk))) inner.pause();
    });
    inner.on("end", () => this.push(null));
    inner.on("error", (error) => this.destroy(refusedByAlert(error) ?? error));
    inner.on("close", () => {
      if (!inner.readableEnded) this.destroy();
    });
    this.emit("connect");
    this.#held?.();
    this.#held = undefined;
  }

  override _read(): void {
    this.#inner?.resume();
  }

  override _write(chunk: Buffer | string, encoding: BufferEncoding, done: Written): void {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk;
    const send = (): void => {
      if (this.#inner?.destroyed !== false) done(new Error("the connection is closed"));
      else this.#inner.write(this.outgoing(bytes), done);
    };
    if (this.#inner === undefined) this.hold(bytes, send);
    else send();
  }

  override _writev(
    chunks: readonly { readonly chunk: Buffer | string; readonly encoding: BufferEncoding }[],
    done: Written,
  ): void {
    const bytes = chunks.map(({ chunk, encoding }) =>
      typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk,
    );
    this._write(Buffer.concat(bytes), "binary", done);
  }

  override _final(done: Written): void {
    if (this.#inner === undefined) {
      this.destroy();
      done();
    } else if (this.#inner.destroyed) done();
    else this.#inner.end(() => done());
  }

  override _destroy(error: Error | null, done: Written): void {
    this.#abort.abort(error ?? new Error("the socket was closed"));
    this.#inner?.destroy();
    super._destroy(error, done);
  }

  override setNoDelay(): this {
    // It has no delay.
    return this;
  }

  override setKeepAlive(): this {
    // It is kept alive.
    return this;
  }

  override ref(): this {
    this.#inner?.ref();
    return this;
  }

  override unref(): this {
    this.#inner?.unref();
    return this;
  }

  /** As of a TLSSocket; for the channel binding of SCRAM. */
  getPeerCertificate(): PeerCertificate | undefined {
    return this.#inner?.getPeerCertificate();
  }
}
