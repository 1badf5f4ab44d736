import type { Socket } from "node:net";
import { CallCredentials, ChannelCredentials } from "@grpc/grpc-js";
import { type Authorizer, checkAuthorize } from "../authorize.ts";
import { checkSource, knownOptions } from "../known-options.ts";
import type { X509Source } from "../source/x509-source.ts";
import { type Closing, type ClosingOptions, readClosing } from "../tls/closing.ts";
import { dialVerified, type VerifiedClientOptions } from "../tls/dial.ts";
import { showPeerToGrpc } from "../tls/peers.ts";
import { checkGrpcJs } from "./check-version.ts";
import { described } from "./described.ts";
import { EndWhenIdle } from "./end-when-idle.ts";

/** What `grpcChannelCredentials` takes. */
export interface GrpcChannelOptions extends VerifiedClientOptions, ClosingOptions {}

type SecureConnector = ReturnType<ChannelCredentials["_createSecureConnector"]>;

/**
 * Credentials for clients and channels of grpc-js: mutual TLS 1.3 with the source's newest SVID on each connection. Not
 * one byte of a call goes to a server that was not verified against the bundle of its own trust domain (X509-SVID §5)
 * and authorised; its host name plays no part. Connections that are open go on with the SVID they began with. While
 * there is no connection, calls fail with UNAVAILABLE, whose details name the code (ERR_SOURCE_…, ERR_PEER_NOT_VERIFIED
 * …), or wait with `waitForReady`, and grpc-js tries again with its own back-off. `peerOf(call)` tells who answers,
 * once the call has a connection.
 *
 * @throws UsageError ERR_AUTHORIZE_MISSING, ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID, and ERR_LIBRARY_UNSUITED with a
 * grpc-js before 1.14
 */
export function grpcChannelCredentials(source: X509Source, options: GrpcChannelOptions): ChannelCredentials {
  checkSource(source, "grpcChannelCredentials");
  checkAuthorize(options, "grpcChannelCredentials");
  knownOptions(options, ["authorize", "closeWhen", "closeGraceMs"], "grpcChannelCredentials");
  checkGrpcJs("grpcChannelCredentials");
  return new SourceChannelCredentials(source, options);
}

/**
 * Of what grpc-js offers to put TLS of one's own under a channel, the secure connector is the least: a TCP socket in, a
 * ready one out. (`createFromSecureContext` lets OpenSSL decide, with one fixed certificate and one set of roots for
 * all trust domains; certificate providers rotate, but still accept TLS 1.2 and decide by roots.) Name resolution,
 * proxies, balancing, back-off and pooling stay with grpc-js. If a later version renames it, credentials cannot be
 * made any more: there is no way from here to a connection that is not verified.
 */
class SourceChannelCredentials extends ChannelCredentials {
  readonly #source: X509Source;
  readonly #authorize: Authorizer;
  readonly #closing: Closing | undefined;

  constructor(source: X509Source, options: GrpcChannelOptions) {
    super();
    this.#source = source;
    this.#authorize = options.authorize;
    this.#closing = readClosing(options, "grpcChannelCredentials");
  }

  override _isSecure(): boolean {
    return true;
  }

  /** grpc-js shares connections between channels with equal credentials; what is authorised alike cannot be told. */
  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(_target: unknown, _options: unknown, calls?: CallCredentials): SecureConnector {
    return {
      connect: async (socket) => ({ socket: await this.#secure(socket), secure: true }),
      // No TCP connection before there is an identity to show.
      waitForReady: async () => {
        try {
          void this.#source.svid;
        } catch (error) {
          throw described(error);
        }
      },
      getCallCredentials: () => calls ?? CallCredentials.createEmpty(),
      destroy: () => {},
    };
  }

  async #secure(tcp: Socket): Promise<Socket> {
    const { remoteAddress: host = "the server", remotePort: port = 0 } = tcp;
    try {
      const end = new EndWhenIdle();
      const socket = await dialVerified(this.#source, this.#authorize, {
        ...{ host, port, over: tcp, alpnProtocols: ["h2"], allowsNoAlpn: false },
        closing: this.#closing,
        retire: () => end.retire(),
      });
      showPeerToGrpc(socket);
      if (this.#closing !== undefined) end.watch(socket);
      return socket;
    } catch (error) {
      throw described(error);
    }
  }
}
