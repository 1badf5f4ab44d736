import { createServer, type Server } from "node:net";
import type { TLSSocket } from "node:tls";
import { checkFunction } from "../arguments.ts";
import { checkAuthorize } from "../authorize.ts";
import { checkSource, knownOptions } from "../known-options.ts";
import type { X509Source } from "../source/x509-source.ts";
import { acceptVerified, type VerifiedServerOptions } from "./accept.ts";
import { type ClosingOptions, readClosing } from "./closing.ts";
import { dialVerified, type VerifiedClientOptions } from "./dial.ts";

/** What `createTlsServer` takes. */
export interface TlsServerOptions extends VerifiedServerOptions {
  /** Application protocols that are offered; a client that offers others only is refused. Default none. */
  readonly alpnProtocols?: readonly string[];
}

/**
 * A server for any protocol behind mutual TLS 1.3 with the source's identity. `onConnection` gets each connection whose
 * client was verified against the bundle of its own trust domain (X509-SVID §5) and authorised (`peerOf(socket)` tells
 * who it is); nothing it sent was looked at before, and it is all still to be read.
 *
 * @throws UsageError ERR_AUTHORIZE_MISSING, ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID; WorkloadError ERR_SOURCE_… when
 * the source has no identity
 */
export function createTlsServer(
  source: X509Source,
  options: TlsServerOptions,
  onConnection: (socket: TLSSocket) => void,
): Server {
  checkSource(source, "createTlsServer");
  checkAuthorize(options, "createTlsServer");
  checkFunction(onConnection, "the third argument of createTlsServer");
  const server = createServer();
  const protocol = {
    factory: "createTlsServer",
    alpnProtocols: options?.alpnProtocols ?? [],
    allowsNoAlpn: true,
    ownOption: "alpnProtocols",
  };
  acceptVerified(server, source, options, protocol, (socket) => {
    onConnection(socket);
    return undefined;
  });
  return server;
}

/** What `connectTls` takes. */
export interface ConnectTlsOptions extends VerifiedClientOptions, ClosingOptions {
  /** Name or IP address to connect to; the server is not verified by it. */
  readonly host: string;
  /** TCP port. */
  readonly port: number;
  /** Application protocols to offer; a server that speaks ALPN must choose one. Default none. */
  readonly alpnProtocols?: readonly string[];
  /** Ends the waiting for the connection. */
  readonly signal?: AbortSignal;
}

/**
 * A TLS 1.3 connection that shows the source's newest SVID. Resolves once the server was verified against the bundle of
 * its own trust domain (X509-SVID §5) and authorised; nothing was sent to it before, and what it said is still to be
 * read. Its host name plays no part.
 *
 * @throws UsageError ERR_AUTHORIZE_MISSING, ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID; WorkloadError ERR_SOURCE_…;
 * ServiceError ERR_CONNECT_FAILED, ERR_PEER_NOT_VERIFIED (its cause says why); rejects with `signal.reason` when
 * aborted
 */
export async function connectTls(source: X509Source, options: ConnectTlsOptions): Promise<TLSSocket> {
  checkSource(source, "connectTls");
  checkAuthorize(options, "connectTls");
  const names = ["authorize", "closeWhen", "closeGraceMs", "host", "port", "alpnProtocols", "signal"];
  knownOptions(options, names, "connectTls");
  const closing = readClosing(options, "connectTls");
  const { authorize, host, port, alpnProtocols = [], signal } = options;
  return dialVerified(source, authorize, {
    host,
    port,
    alpnProtocols,
    allowsNoAlpn: true,
    closing,
    ...(signal === undefined ? {} : { signal }),
  });
}
