import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { Server, ServerCredentials, type ServerOptions } from "@grpc/grpc-js";
import type { X509Source } from "../source/x509-source.ts";
import { acceptVerified, type VerifiedServerOptions } from "../tls/accept.ts";
import { readClosing } from "../tls/closing.ts";
import { showPeerToGrpc } from "../tls/peers.ts";
import { UsageError } from "../usage-error.ts";
import { checkGrpcJs } from "./check-version.ts";

/** What `createGrpcServer` takes. */
export interface GrpcServerOptions extends VerifiedServerOptions {
  /** Of grpc-js. */
  readonly grpc?: ServerOptions;
}

/**
 * A `Server` of grpc-js behind mutual TLS 1.3 with the source's identity: `addService` as ever, then `listen`.
 * `peerOf(call)` in handlers tells who calls. Not one frame is sent to a client or read from it before it was verified
 * against the bundle of its own trust domain (X509-SVID §5) and authorised. New connections use the newest SVID; open
 * ones stay.
 *
 * @throws UsageError ERR_AUTHORIZE_MISSING, ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID, and ERR_LIBRARY_UNSUITED with a
 * grpc-js before 1.14; WorkloadError ERR_SOURCE_… when the source has no identity
 */
export function createGrpcServer(source: X509Source, options: GrpcServerOptions): SourceGrpcServer {
  checkGrpcJs("createGrpcServer");
  return new SourceGrpcServer(source, options);
}

/**
 * Connections come in through `createConnectionInjector`, which grpc-js made for servers that do their own TLS: it is
 * public and takes any duplex stream, so nothing here depends on grpc-js's server credentials, whose TLS would read
 * frames before anybody could judge the client. Made by `createGrpcServer`.
 */
export class SourceGrpcServer extends Server {
  readonly #listener = createServer({ noDelay: true });
  #isOver = false;

  constructor(source: X509Source, options: GrpcServerOptions) {
    super(options?.grpc);
    const protocol = { factory: "createGrpcServer", alpnProtocols: ["h2"], allowsNoAlpn: false, ownOption: "grpc" };
    const closing = readClosing(options ?? {}, protocol.factory);
    const plain = ServerCredentials.createInsecure();
    const shared = closing === undefined ? this.createConnectionInjector(plain) : undefined;
    acceptVerified(this.#listener, source, options, protocol, (socket) => {
      // Its handshake was under way when the server was shut down; grpc-js would serve it all the same.
      if (this.#isOver) {
        socket.destroy();
        return undefined;
      }
      showPeerToGrpc(socket);
      // An injector drains all of its connections: one that may have to be drained alone has one of its own.
      const injector = shared ?? this.createConnectionInjector(plain);
      if (injector !== shared) socket.once("close", () => injector.destroy());
      injector.injectConnection(socket);
      return closing === undefined ? undefined : () => injector.drain(closing.graceMs);
    });
  }

  /** Listens for TCP connections; on all addresses when no `host` is given. Rejects when that is not possible. */
  async listen(port: number, host?: string): Promise<AddressInfo> {
    this.#listener.listen({ port, ...(host === undefined ? {} : { host }) });
    await once(this.#listener, "listening");
    const address = this.#listener.address();
    if (typeof address === "object" && address !== null) return address;
    throw new UsageError("ERR_ARGUMENT_INVALID", "the server does not listen on TCP");
  }

  /**
   * Not here, where it would accept clients that were not verified; throws UsageError ERR_LIBRARY_UNSUITED. A plain
   * port is another server.
   */
  override bindAsync(): never {
    throw new UsageError("ERR_LIBRARY_UNSUITED", "a server of createGrpcServer does not listen by bindAsync", {
      fix: "listen by `server.listen(port, host)`",
    });
  }

  /** Accepts nobody any more and lets calls end, as of grpc-js. */
  override tryShutdown(callback: (error?: Error) => void): void {
    this.#stop();
    super.tryShutdown(callback);
  }

  /** Accepts nobody any more and cancels all calls, as of grpc-js. */
  override forceShutdown(): void {
    this.#stop();
    super.forceShutdown();
  }

  #stop(): void {
    this.#isOver = true;
    this.#listener.close();
  }
}
