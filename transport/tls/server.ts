import { type AddressInfo, createServer, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import type { Certificate } from "../../certs/index.ts";
import type { Clock } from "../../runtime/core/index.ts";
import { transportErrors } from "../errors/transport.ts";
import { transportLimits } from "../limits.ts";
import { type AddressRanges, type ProxiedSource, receiveProxyHeader } from "../proxy-protocol/index.ts";
import { Quota } from "../server/quota.ts";
import { isAgreed } from "./alpn.ts";
import { secureContextOptions, type TlsIdentity } from "./context.ts";
import { readPeerChain } from "./peer-chain.ts";
import { handshakeFailure } from "./tls-failure.ts";

export interface TlsServerLimits {
  readonly handshakeTimeoutMs: number;
  /** Connections accepted whose handshake is not finished. */
  readonly maxHalfOpen: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
}

export type TlsRefusal =
  | "too-many-connections"
  | "too-many-half-open"
  | "proxy-header"
  | "handshake-failed"
  | "no-common-protocol"
  | "session-resumed"
  | "no-certificate"
  | "certificate-not-verified";

export interface TlsServerOptions<Verified> {
  /** Asked at the start and by `updateIdentity`. */
  readonly identity: () => TlsIdentity;
  readonly clientCertificate: "required" | "optional";
  /** Judges a client's chain (leaf first, never empty) and throws to refuse the connection. */
  readonly verifyPeer: (chain: readonly Certificate[]) => Verified;
  /** What is offered. The client must choose one, unless `allowsNoAlpn` and it knows no ALPN at all. */
  readonly alpnProtocols: readonly string[];
  readonly allowsNoAlpn?: boolean;
  readonly limits: TlsServerLimits;
  /** Connections from these addresses begin with a PROXY protocol header, which says where they really come from. */
  readonly proxies?: { readonly addresses: AddressRanges; readonly clock: Clock } | undefined;
  /** Takes over a connection that was judged; no byte of its application data has been looked at before. */
  readonly onConnection: (connection: AcceptedTls<Verified>) => void;
  readonly onRefused?: (reason: TlsRefusal, address: string, cause: unknown) => void;
}

export interface AcceptedTls<Verified> {
  readonly socket: TLSSocket;
  readonly address: string;
  readonly port: number;
  /** `undefined`: the client showed no certificate. */
  readonly client: { readonly verified: Verified; readonly chain: readonly Certificate[] } | undefined;
}

export interface VerifiedTlsServer {
  /** Rejects `ERR_LISTEN_FAILED`. */
  listen(options: { readonly host: string; readonly port: number }): Promise<AddressInfo>;
  /** Takes over a TCP connection that was accepted elsewhere. */
  accept(socket: Socket): void;
  /** New connections are made with what `identity()` returns now; open ones stay. Throws, and keeps the old, when it is unusable. */
  updateIdentity(): void;
  readonly halfOpen: number;
  readonly connections: number;
  /** Stops accepting and drops unfinished handshakes; established connections stay with their owner. */
  close(): Promise<void>;
}

/**
 * A TLS 1.3 server that hands connections over only after the client was judged by `verifyPeer`: a client that shows
 * a certificate must show a good one. No session is ever resumed, so every connection is judged afresh.
 */
export function createVerifiedTlsServer<Verified>(options: TlsServerOptions<Verified>): VerifiedTlsServer {
  return new TlsAcceptor(options);
}

type Verdict<Verified> =
  | { readonly kind: "accepted"; readonly client: AcceptedTls<Verified>["client"] }
  | { readonly kind: "refused"; readonly reason: TlsRefusal; readonly cause?: unknown };

interface HalfOpen {
  readonly socket: Socket;
  /** Where the connection comes from: through a proxy not where the socket does. */
  readonly source: ProxiedSource;
}

class TlsAcceptor<Verified> implements VerifiedTlsServer {
  readonly #options: TlsServerOptions<Verified>;
  readonly #places: Quota;
  /** Connections up to the end of their handshake, by the remote address and port of the socket itself. */
  readonly #halfOpen = new Map<string, HalfOpen>();
  readonly #tcp = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 }, (socket) =>
    this.accept(socket),
  );
  readonly #tls: ReturnType<typeof createTlsServer>;
  /** What connections allow once their handshake is over. */
  readonly #mayHalfClose = new WeakMap<Socket, boolean>();

  constructor(options: TlsServerOptions<Verified>) {
    const { limits, alpnProtocols } = options;
    this.#options = options;
    this.#places = new Quota({ total: limits.maxConnections, perKey: limits.maxConnectionsPerAddress });
    this.#tls = createTlsServer({
      ...secureContextOptions(options.identity()),
      ...(alpnProtocols.length === 0 ? {} : { ALPNProtocols: [...alpnProtocols] }),
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: limits.handshakeTimeoutMs,
    });
    this.#forgetKey();
    this.#tls.on("secureConnection", (socket) => this.#judge(socket));
    this.#tls.on("tlsClientError", (cause, socket) => {
      this.#refuse("handshake-failed", this.#sourceOf(socket).address, handshakeFailure(cause));
      socket.destroy();
    });
  }

  get halfOpen(): number {
    return this.#halfOpen.size;
  }

  get connections(): number {
    return this.#places.taken;
  }

  listen({ host, port }: { readonly host: string; readonly port: number }): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#tcp.once("error", (cause) => {
        reject(
          transportErrors.error("ERR_LISTEN_FAILED", `cannot listen on ${host}:${port}: ${cause.message}`, { cause }),
        );
      });
      this.#tcp.listen({ host, port, backlog: transportLimits.backlog }, () => {
        const address = this.#tcp.address();
        if (typeof address === "object" && address !== null) resolve(address);
      });
    });
  }

  updateIdentity(): void {
    this.#tls.setSecureContext(secureContextOptions(this.#options.identity()));
    this.#forgetKey();
  }

  /** Node keeps the PEM in a property, which every socket leads to: who prints one would print the private key. */
  #forgetKey(): void {
    Reflect.set(this.#tls, "key", undefined);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#tcp.close(() => resolve()));
    for (const { socket } of [...this.#halfOpen.values()]) socket.destroy();
    // Resolves only when the last connection is gone; their owner ends those.
    await closed;
  }

  accept(socket: Socket): void {
    const { remoteAddress: address, remotePort: port } = socket;
    socket.on("error", () => {
      // The handshake, or whoever took the connection over, hears of it.
    });
    if (address === undefined || port === undefined) {
      socket.destroy();
      return;
    }
    // Those of an HTTP server may be half-closed: a client that leaves in mid-handshake would be held to the time-out.
    const { allowHalfOpen } = socket;
    socket.allowHalfOpen = false;
    this.#mayHalfClose.set(socket, allowHalfOpen);
    const key = `${address} ${port}`;
    socket.once("close", () => this.#halfOpen.delete(key));
    const { proxies, limits } = this.#options;
    if (proxies?.addresses.has(address) !== true) {
      this.#begin(key, socket, { address, port });
      return;
    }
    this.#putHalfOpen(key, { socket, source: { address, port } });
    receiveProxyHeader(
      socket,
      { clock: proxies.clock, timeoutMs: limits.handshakeTimeoutMs },
      (source) => this.#begin(key, socket, source ?? { address, port }),
      (error) => {
        this.#refuse("proxy-header", address, error);
        socket.destroy();
      },
    );
  }

  #begin(key: string, socket: Socket, source: ProxiedSource): void {
    if (socket.destroyed) return;
    if (!this.#places.enter(source.address)) {
      this.#refuse("too-many-connections", source.address, undefined);
      socket.destroy();
      return;
    }
    socket.once("close", () => this.#places.leave(source.address));
    this.#putHalfOpen(key, { socket, source });
    this.#tls.emit("connection", socket);
  }

  #putHalfOpen(key: string, connection: HalfOpen): void {
    if (!this.#halfOpen.has(key) && this.#halfOpen.size >= this.#options.limits.maxHalfOpen) this.#dropOldestHalfOpen();
    this.#halfOpen.set(key, connection);
  }

  /** An honest handshake takes milliseconds: in a flood it is the silent ones that are old, and they must not keep others out. */
  #dropOldestHalfOpen(): void {
    for (const [key, { socket, source }] of this.#halfOpen) {
      this.#halfOpen.delete(key);
      this.#refuse("too-many-half-open", source.address, undefined);
      socket.destroy();
      return;
    }
  }

  /** Where a connection in its handshake comes from. */
  #sourceOf({ remoteAddress = "", remotePort = 0 }: TLSSocket): ProxiedSource {
    return this.#halfOpen.get(`${remoteAddress} ${remotePort}`)?.source ?? { address: remoteAddress, port: remotePort };
  }

  #judge(socket: TLSSocket): void {
    const { address, port } = this.#sourceOf(socket);
    const key = `${socket.remoteAddress} ${socket.remotePort}`;
    const raw = this.#halfOpen.get(key)?.socket;
    socket.allowHalfOpen = raw !== undefined && this.#mayHalfClose.get(raw) === true;
    this.#halfOpen.delete(key);
    socket.on("error", () => {
      // Whoever takes the socket hears of its end through "close".
    });
    const verdict = this.#verdict(socket);
    if (verdict.kind === "accepted") {
      this.#options.onConnection({ socket, address, port, client: verdict.client });
      return;
    }
    this.#refuse(verdict.reason, address, verdict.cause);
    socket.destroy();
  }

  #verdict(socket: TLSSocket): Verdict<Verified> {
    const { clientCertificate, verifyPeer } = this.#options;
    if (socket.isSessionReused()) return { kind: "refused", reason: "session-resumed" };
    if (!isAgreed(socket, this.#options)) {
      return { kind: "refused", reason: "no-common-protocol" };
    }
    try {
      const chain = readPeerChain(socket);
      if (chain.length > 0) return { kind: "accepted", client: { verified: verifyPeer(chain), chain } };
    } catch (cause) {
      return { kind: "refused", reason: "certificate-not-verified", cause };
    }
    if (clientCertificate === "required") return { kind: "refused", reason: "no-certificate" };
    return { kind: "accepted", client: undefined };
  }

  #refuse(reason: TlsRefusal, address: string, cause: unknown): void {
    this.#options.onRefused?.(reason, address, cause);
  }
}
