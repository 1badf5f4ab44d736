import type { Duplex } from "node:stream";
import type { Certificate } from "../../certs/index.ts";
import type { SpiffeId } from "../../spiffe/index.ts";

/** Who is at the other end of a connection that one of our factories made: verified and authorised. */
export interface Peer {
  readonly id: SpiffeId;
  readonly leaf: Certificate;
  /** As presented, leaf first. */
  readonly chain: readonly Certificate[];
}

const peers = new WeakMap<Duplex, Peer>();

/** @internal Called once per connection, before anybody else has the socket. */
export function rememberPeer(socket: Duplex, peer: Peer): void {
  peers.set(socket, peer);
}

/**
 * The peer of a request (on a server of `createHttpsServer`), of a response (through an agent of `createHttpsAgent`), or
 * of such a connection itself. Throws `TypeError` for a connection that none of our factories made: there is no peer
 * to believe in then.
 */
export function peerOf(message: { readonly socket: Duplex } | Duplex): Peer {
  const peer = peers.get("socket" in message ? message.socket : message);
  if (peer === undefined) throw new TypeError("this connection was not made by a server or an agent of the SDK");
  return peer;
}
