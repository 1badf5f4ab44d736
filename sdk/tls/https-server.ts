import { createServer, type RequestListener, type Server, type ServerOptions } from "node:http";
import { checkAuthorize } from "../authorize.ts";
import { checkSource } from "../known-options.ts";
import type { X509Source } from "../source/x509-source.ts";
import { acceptVerified, type VerifiedServerOptions } from "./accept.ts";
import { readClosing } from "./closing.ts";
import { Http1Requests } from "./http1-requests.ts";

/** What `createHttpsServer` and `httpsServerFactory` take. */
export interface HttpsServerOptions extends VerifiedServerOptions {
  /** Of node:http. */
  readonly http?: ServerOptions;
}

/**
 * An http server behind mutual TLS 1.3 with the source's identity: use it like one of `node:https` (listen, close,
 * express applications as `handler`, upgrades, the `server` of a WebSocketServer of ws). A client is verified against
 * the bundle of its own trust domain (X509-SVID §5) and authorised before one byte of its request is looked at; without
 * a certificate it is refused. New connections always use the newest SVID; open ones stay.
 *
 * @throws UsageError ERR_AUTHORIZE_MISSING, ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID; WorkloadError ERR_SOURCE_… when
 * the source has no identity
 */
export function createHttpsServer(source: X509Source, options: HttpsServerOptions, handler?: RequestListener): Server {
  const server = createServer(options?.http ?? {}, handler);
  // node:http would parse requests right from the TCP socket; it gets them from verified connections only.
  const parseRequests = server.listeners("connection");
  // Counting what is under way costs each request a little: only where a connection may have to be retired.
  const requests = readClosing(options ?? {}, "createHttpsServer") && new Http1Requests(server);
  const protocol = { factory: "createHttpsServer", alpnProtocols: ["http/1.1"], allowsNoAlpn: true, ownOption: "http" };
  acceptVerified(server, source, options, protocol, (socket) => {
    for (const parse of parseRequests) Reflect.apply(parse, server, [socket]);
    return requests && (() => requests.retire(socket));
  });
  return server;
}

/**
 * For fastify: `fastify({ serverFactory: httpsServerFactory(source, { authorize }) })`, with the guarantees of
 * `createHttpsServer`. `peerOf(request.raw)` tells who asks. http options go to `options.http`, not to fastify.
 *
 * @throws UsageError ERR_AUTHORIZE_MISSING, ERR_ARGUMENT_INVALID; the factory itself throws what `createHttpsServer`
 * throws
 */
export function httpsServerFactory(
  source: X509Source,
  options: HttpsServerOptions,
): (handler: RequestListener) => Server {
  checkSource(source, "httpsServerFactory");
  checkAuthorize(options, "httpsServerFactory");
  return (handler) => createHttpsServer(source, options, handler);
}
