import {
  type ClientHttp2Session,
  type ClientSessionOptions,
  connect,
  createServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  type ServerOptions,
} from "node:http2";
import { checkAuthorize } from "../authorize.ts";
import { checkSource, knownOptions } from "../known-options.ts";
import type { X509Source } from "../source/x509-source.ts";
import { UsageError } from "../usage-error.ts";
import { acceptVerified, type VerifiedServerOptions } from "./accept.ts";
import { type ClosingOptions, readClosing } from "./closing.ts";
import { addressOf, dialVerified, type VerifiedClientOptions } from "./dial.ts";

/** What `createHttp2SecureServer` takes. */
export interface Http2ServerOptions extends VerifiedServerOptions {
  /** Of node:http2. */
  readonly http2?: ServerOptions;
}

/**
 * An http2 server behind mutual TLS 1.3 with the source's identity: `request` and `stream` events as of
 * `http2.createSecureServer`, `peerOf(request)` or `peerOf(stream)` for who asks. Not one frame is sent to a client or
 * read from it before it was verified against the bundle of its own trust domain (X509-SVID §5) and authorised. A
 * client must choose `h2` by ALPN (RFC 9113 §3.2); there is no fall-back to HTTP/1.1.
 *
 * @throws UsageError ERR_AUTHORIZE_MISSING, ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID; WorkloadError ERR_SOURCE_… when
 * the source has no identity
 */
export function createHttp2SecureServer(
  source: X509Source,
  options: Http2ServerOptions,
  handler?: (request: Http2ServerRequest, response: Http2ServerResponse) => void,
): Http2Server {
  const server = createServer(options?.http2 ?? {}, handler);
  // node:http2 would read frames right from the TCP socket; it gets them from verified connections only.
  const readFrames = server.listeners("connection");
  const protocol = {
    factory: "createHttp2SecureServer",
    alpnProtocols: ["h2"],
    allowsNoAlpn: false,
    ownOption: "http2",
  };
  acceptVerified(server, source, options, protocol, (socket) => {
    let session: ServerHttp2Session | undefined;
    const remember = (made: ServerHttp2Session): void => {
      session = made;
    };
    server.once("session", remember);
    for (const read of readFrames) Reflect.apply(read, server, [socket]);
    server.off("session", remember);
    // GOAWAY; closed when the last stream is.
    return () => session?.close();
  });
  return server;
}

/** What `connectHttp2` takes. */
export interface ConnectHttp2Options extends VerifiedClientOptions, ClosingOptions {
  /** Of node:http2, without what concerns the connection. */
  readonly http2?: Omit<ClientSessionOptions, "createConnection" | "protocol">;
  /** Ends the waiting for the connection. */
  readonly signal?: AbortSignal;
}

/**
 * An http2 session with the server at `authority` (`https://host:port`). Resolves once that server was verified against
 * the bundle of its own trust domain (X509-SVID §5) and authorised; nothing was sent to it before. Its host name plays
 * no part. The session stays with the SVID it began with: when `source.onChange` tells of a new one, open a new
 * session.
 *
 * @throws UsageError ERR_AUTHORIZE_MISSING, ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID (also when `authority` is not of
 * https); WorkloadError ERR_SOURCE_…; ServiceError ERR_CONNECT_FAILED, ERR_PEER_NOT_VERIFIED (its cause says why);
 * rejects with `signal.reason` when aborted
 */
export async function connectHttp2(
  source: X509Source,
  authority: string | URL,
  options: ConnectHttp2Options,
): Promise<ClientHttp2Session> {
  checkSource(source, "connectHttp2");
  checkAuthorize(options, "connectHttp2");
  knownOptions(options, ["authorize", "closeWhen", "closeGraceMs", "http2", "signal"], "connectHttp2");
  const closing = readClosing(options, "connectHttp2");
  const url = new URL(authority);
  if (url.protocol !== "https:") throw new UsageError("ERR_ARGUMENT_INVALID", "connectHttp2 takes an https URL");
  let session: ClientHttp2Session | undefined;
  const socket = await dialVerified(source, options.authorize, {
    ...addressOf(url),
    alpnProtocols: ["h2"],
    allowsNoAlpn: false,
    closing,
    retire: () => session?.close(),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  session = connect(url, { ...options.http2, createConnection: () => socket });
  return session;
}
