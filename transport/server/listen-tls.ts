import type { Certificate } from "../../certs/index.ts";
import { errorFields } from "../../runtime/core/index.ts";
import { transportLimits } from "../limits.ts";
import type { Peer, TlsPeer, VerifiedPeer } from "../peer.ts";
import type { AddressRanges } from "../proxy-protocol/index.ts";
import { type AcceptedTls, createVerifiedTlsServer, type TlsIdentity, type VerifiedTlsServer } from "../tls/index.ts";
import { type Listener, serverDeps } from "./listener.ts";
import type { CallAdmission, ListenerOptions } from "./options.ts";
import { Quota } from "./quota.ts";
import { Refusals } from "./refusals.ts";
import { RpcServer } from "./rpc-server.ts";

export interface TlsListenerOptions extends ListenerOptions {
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  /** Asked at the start and by `updateIdentity`. */
  readonly identity: () => TlsIdentity;
  /** Judges a client's chain against the bundle of its own trust domain; throws to refuse the connection. */
  readonly verifyPeer: (chain: readonly Certificate[]) => VerifiedPeer;
  /** Connections from these addresses begin with a PROXY protocol header, and count as coming from where it says. */
  readonly proxies?: AddressRanges | undefined;
}

export interface TlsListener extends Listener {
  readonly address: { readonly kind: "tcp"; readonly host: string; readonly port: number };
  /** New connections see the new identity; open streams stay. Throws, and keeps the old one, when it is unusable. */
  updateIdentity(): void;
}

/**
 * Serves gRPC over TLS 1.3. A client may be anonymous (`peer.svid` is `undefined`); one that shows a certificate is
 * refused unless `verifyPeer` accepts it. Rejects `ERR_LISTEN_FAILED`.
 */
export async function listenTls(options: TlsListenerOptions): Promise<TlsListener> {
  const deps = serverDeps(options, { name: "tcp", limits: transportLimits.tcp, admission: strangersAdmission() });
  const { limits, name, logger, metrics, clock } = deps;
  const rpc = new RpcServer(deps, () => {});
  const refusals = new Refusals(name, logger, metrics, clock);
  let connections = 0;
  const tls = createVerifiedTlsServer<VerifiedPeer>({
    identity: options.identity,
    clientCertificate: "optional",
    verifyPeer: options.verifyPeer,
    alpnProtocols: ["h2"],
    proxies: options.proxies === undefined ? undefined : { addresses: options.proxies, clock },
    limits: {
      handshakeTimeoutMs: limits.handshakeTimeoutMs,
      maxHalfOpen: limits.maxHalfOpen,
      maxConnections: limits.maxConnections,
      maxConnectionsPerAddress: limits.maxConnectionsPerPeer,
    },
    onConnection: (accepted) => {
      connections += 1;
      rpc.serve(accepted.socket, toPeer(accepted, `${name}-${connections}`));
    },
    onRefused: (reason, address, cause) => {
      refusals.note(reason, { address, ...(cause === undefined ? {} : errorFields(cause)) });
    },
  });
  try {
    const { address, port } = await tls.listen(options);
    return new ServingTls({ kind: "tcp", host: address, port }, tls, rpc);
  } catch (error) {
    await rpc.close(0);
    throw error;
  }
}

/** Who has an SVID is bound by the streams of a connection; strangers, who have any number of those, in all. */
function strangersAdmission(): CallAdmission {
  const { strangersCalls: total, strangersCallsPerAddress: perKey } = transportLimits;
  const quota = new Quota({ total, perKey });
  const isStranger = (peer: Peer): peer is TlsPeer => peer.kind === "tls" && peer.svid === undefined;
  return {
    enter: (peer) => !isStranger(peer) || quota.enter(peer.address),
    leave: (peer) => {
      if (isStranger(peer)) quota.leave(peer.address);
    },
  };
}

function toPeer({ address, port, client }: AcceptedTls<VerifiedPeer>, connectionId: string): TlsPeer {
  return { kind: "tls", connectionId, address, port, svid: client?.verified };
}

class ServingTls implements TlsListener {
  readonly address: TlsListener["address"];
  readonly #tls: VerifiedTlsServer;
  readonly #rpc: RpcServer;
  #closing: Promise<void> | undefined;

  constructor(address: TlsListener["address"], tls: VerifiedTlsServer, rpc: RpcServer) {
    this.address = address;
    this.#tls = tls;
    this.#rpc = rpc;
  }

  updateIdentity(): void {
    this.#tls.updateIdentity();
  }

  connections(): number {
    return this.#rpc.connectionCount;
  }

  calls(): number {
    return this.#rpc.callCount;
  }

  endStreams(...[predicate, error]: Parameters<Listener["endStreams"]>): void {
    this.#rpc.endStreams(predicate, error);
  }

  close({ graceMs }: { readonly graceMs: number }): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close({ graceMs: 0 });
  }

  async #close(graceMs: number): Promise<void> {
    const stopped = this.#tls.close();
    await this.#rpc.close(graceMs);
    await stopped;
  }
}
