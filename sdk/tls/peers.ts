import type { Http2Session, Http2Stream } from "node:http2";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { Certificate } from "../../certs/index.ts";
import type { SpiffeId } from "../../spiffe/index.ts";
import { UsageError } from "../usage-error.ts";

/** Who is at the other end of a connection that one of our factories made: verified and authorised. */
export interface Peer {
  /** Verified and authorised. */
  readonly id: SpiffeId;
  /** The certificate that carries the SPIFFE ID. */
  readonly leaf: Certificate;
  /** As presented, leaf first. */
  readonly chain: readonly Certificate[];
}

const mark = Symbol("countersign peer");
const peers = new WeakMap<object, Peer>();

/** @internal Called once per connection, before anybody else has the socket. */
export function rememberPeer(socket: Duplex, peer: Peer): void {
  // A property, because http2 shows its socket behind a proxy only; its value means something to nobody else.
  const token = {};
  Object.defineProperty(socket, mark, { value: token });
  peers.set(token, peer);
}

/** @internal For a socket that fronts another. */
export function rememberSamePeer(front: Duplex, behind: Duplex): void {
  Object.defineProperty(front, mark, { value: Reflect.get(behind, mark) });
}

/**
 * @internal For connections that grpc-js takes over: of a call it shows no socket, only the peer's certificate as
 * `getAuthContext()`, and that only when the socket says `authorized`. It was, by us. The certificate is read once per
 * connection: getting it from OpenSSL takes a tenth of a millisecond, and grpc-js asks on each call.
 */
export function showPeerToGrpc(socket: TLSSocket): void {
  const certificate = socket.getPeerCertificate();
  Object.defineProperty(certificate, mark, { value: Reflect.get(socket, mark) });
  const read = socket.getPeerCertificate;
  const value = (detailed?: boolean): unknown => (detailed === true ? read.call(socket, true) : certificate);
  Object.defineProperty(socket, "getPeerCertificate", { value });
  socket.authorized = true;
}

/** What of grpc-js's authentication context is used. */
export interface GrpcAuthContext {
  /** The peer's certificate as Node has it. */
  readonly sslPeerCertificate?: object;
}

/** What of a call of grpc-js is used, on either side. */
export interface GrpcCall {
  /** As grpc-js has it. */
  getAuthContext(): GrpcAuthContext | null;
}

/**
 * The peer of a request or a response, of an http2 stream or session, of a call of grpc-js, or of a connection itself:
 * whatever came through one of our server or client factories. There is no peer to believe in for anything else, for an
 * http2 session or a call's connection that is over, and for a call of a client that has no connection yet.
 * @throws UsageError ERR_PEER_UNKNOWN
 */
export function peerOf(message: { readonly socket: object } | Duplex | Http2Stream | Http2Session | GrpcCall): Peer {
  const token: unknown = Reflect.get(connectionOf(message), mark);
  const peer = typeof token === "object" && token !== null ? peers.get(token) : undefined;
  if (peer === undefined) {
    throw new UsageError("ERR_PEER_UNKNOWN", "this connection was not made by a server or a client of the SDK");
  }
  return peer;
}

function connectionOf(message: object): object {
  // From JavaScript it may be anything.
  if (typeof message !== "object" || message === null) return {};
  if ("getAuthContext" in message && typeof message.getAuthContext === "function") {
    const context: unknown = message.getAuthContext();
    const shown: unknown =
      typeof context === "object" && context !== null && Reflect.get(context, "sslPeerCertificate");
    return typeof shown === "object" && shown !== null ? shown : message;
  }
  try {
    // A request has a `socket`; an http2 stream has a `session`, which has one.
    const owner = "socket" in message || !("session" in message) ? message : message.session;
    const socket: unknown = typeof owner === "object" && owner !== null ? Reflect.get(owner, "socket") : undefined;
    return typeof socket === "object" && socket !== null ? socket : message;
  } catch (cause) {
    throw new UsageError("ERR_PEER_UNKNOWN", "the http2 session is over", { cause });
  }
}
