import { createServer, type ListenOptions, type Server, type Socket } from "node:net";
import { silentLogger, type Timer } from "../../runtime/core/index.ts";
import { transportErrors } from "../errors/transport.ts";
import { transportLimits } from "../limits.ts";
import type { Peer, UnixPeer } from "../peer.ts";
import { type Listener, serverDeps } from "../server/listener.ts";
import type { CallAdmission, ListenerOptions, RpcServerDeps } from "../server/options.ts";
import { Quota } from "../server/quota.ts";
import { Refusals } from "../server/refusals.ts";
import { RpcServer } from "../server/rpc-server.ts";
import { loadUnixNative } from "./native.ts";
import type { ProcessHandleMode } from "./process-handle.ts";
import { unsafeSocketFolder } from "./socket-folder.ts";
import { claimSocketPath, correctSocketMode } from "./socket-path.ts";
import { type OwnedUnixPeer, UnixPeers } from "./unix-peers.ts";

export interface UnixListenerOptions extends ListenerOptions {
  readonly path: string;
  /** Of the socket, e.g. 0o777. Set before anybody can connect. */
  readonly mode: number;
  /** Of the directory, when it has to be made. */
  readonly directoryMode: number;
  /** A listening socket inherited from the service manager; `path`, `mode` are then as it made them. */
  readonly inheritedFd?: number;
  /** Asked once per connection; false refuses it. */
  readonly onPeer?: (peer: UnixPeer) => boolean;
  readonly streamsPerUid?: number;
  readonly maxStreams?: number;
  readonly reserveForRoot?: number;
  /** Connections whose process is gone are dropped that often, milliseconds. */
  readonly sweepMs?: number;
  /** Forces a weaker way of holding on to the peer's process; for tests. */
  readonly processHandleMode?: ProcessHandleMode;
}

export interface UnixListener extends Listener {
  readonly address: { readonly kind: "unix"; readonly path: string };
  /** How peers' processes are held; known once the first one connected. */
  readonly processHandleMode: ProcessHandleMode | undefined;
}

/**
 * Serves gRPC on a Unix socket. Each connection's peer is read from the kernel when it is accepted; who cannot be
 * identified is refused. Rejects `ERR_SOCKET_PATH_TOO_LONG`, `ERR_SOCKET_IN_USE`, `ERR_LISTEN_FAILED`.
 */
export async function listenUnix(options: UnixListenerOptions): Promise<UnixListener> {
  if (options.inheritedFd === undefined) {
    await claimSocketPath(options.path, options.directoryMode);
    warnOfFolder(options);
  }
  const acceptor = new UnixAcceptor(options);
  await acceptor.listen();
  return acceptor;
}

/** Not refused: in a container's own volume it may be all there is. */
function warnOfFolder({ path, logger = silentLogger }: UnixListenerOptions): void {
  const problem = unsafeSocketFolder(path, process.geteuid?.() ?? 0);
  if (problem === undefined) return;
  const { code, fix } = transportErrors.error("ERR_SOCKET_FOLDER_UNSAFE", problem);
  logger.warn(
    { error_code: code, path, reason: problem, fix },
    "others could put a socket of their own in place of ours",
  );
}

class UnixAcceptor implements UnixListener {
  readonly address: { readonly kind: "unix"; readonly path: string };
  readonly #options: UnixListenerOptions;
  readonly #deps: RpcServerDeps;
  readonly #peers: UnixPeers;
  /** Handles to close with their connection. */
  readonly #owned = new Map<string, OwnedUnixPeer>();
  readonly #places: Quota;
  readonly #refusals: Refusals;
  readonly #rpc: RpcServer;
  readonly #server: Server;
  #sweepTimer: Timer | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: UnixListenerOptions) {
    const { streamsPerUid, maxStreams, reserveForRoot } = { ...transportLimits, ...definedOnly(options) };
    const admission = uidAdmission(
      new Quota({ total: maxStreams, perKey: streamsPerUid, reserve: reserveForRoot, privilegedKey: 0 }),
    );
    this.address = { kind: "unix", path: options.path };
    this.#options = options;
    this.#deps = serverDeps(options, { name: "unix", limits: transportLimits.workloadSocket, admission });
    const { limits, name, logger, metrics, clock } = this.#deps;
    this.#places = new Quota({
      total: limits.maxConnections,
      perKey: limits.maxConnectionsPerPeer,
      reserve: Math.min(reserveForRoot, Math.floor(limits.maxConnections / 2)),
      privilegedKey: 0,
    });
    this.#refusals = new Refusals(name, logger, metrics, clock);
    this.#peers = new UnixPeers(loadUnixNative(), options.processHandleMode);
    this.#rpc = new RpcServer(this.#deps, (peer) => this.#onGone(peer));
    this.#server = createServer((socket) => this.#accept(socket));
  }

  get processHandleMode(): ProcessHandleMode | undefined {
    return this.#peers.mode;
  }

  async listen(): Promise<void> {
    const { path, mode, inheritedFd } = this.#options;
    const target = inheritedFd === undefined ? { path } : { fd: inheritedFd };
    try {
      await listenWithMode(this.#server, { ...target, backlog: transportLimits.backlog }, mode);
      if (inheritedFd === undefined) correctSocketMode(path, mode);
    } catch (cause) {
      const text = cause instanceof Error ? cause.message : String(cause);
      await this.#rpc.close(0);
      throw transportErrors.error("ERR_LISTEN_FAILED", `cannot listen on ${path}: ${text}`, { cause });
    }
    this.#armSweep();
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
    this.#sweepTimer?.cancel();
    const stopped = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await this.#rpc.close(graceMs);
    await stopped;
  }

  #accept(socket: Socket): void {
    socket.on("error", () => {
      // The HTTP/2 session, or nobody, hears of it through "close".
    });
    const outcome = this.#peers.identify(descriptorOf(socket));
    if (outcome.kind === "refused") {
      this.#refuse(socket, outcome.reason, { pid: outcome.pid });
      return;
    }
    const { peer } = outcome;
    const who = { pid: peer.pid, uid: peer.uid };
    if (!this.#places.enter(peer.uid)) {
      peer.process.close();
      this.#refuse(socket, "too-many-connections", who);
      return;
    }
    this.#owned.set(peer.connectionId, peer);
    if (this.#options.onPeer?.(peer) === false) {
      this.#onGone(peer);
      this.#refuse(socket, "not-allowed", who);
      return;
    }
    this.#rpc.serve(socket, peer);
  }

  #refuse(socket: Socket, reason: string, who: { readonly pid: number; readonly uid?: number }): void {
    this.#refusals.note(reason, who);
    socket.destroy();
  }

  #onGone(peer: Peer): void {
    const owned = this.#owned.get(peer.connectionId);
    if (owned === undefined) return;
    this.#owned.delete(peer.connectionId);
    this.#places.leave(owned.uid);
    owned.process.close();
  }

  #armSweep(): void {
    const everyMs = this.#options.sweepMs ?? transportLimits.sweepMs;
    this.#sweepTimer = this.#deps.clock.setTimer(everyMs, () => {
      this.#rpc.dropConnections((peer) => peer.kind === "unix" && !peer.process.isAlive());
      this.#armSweep();
    });
  }
}

function uidAdmission(quota: Quota): CallAdmission {
  const uidOf = (peer: Peer): number => (peer.kind === "unix" ? peer.uid : -1);
  return { enter: (peer) => quota.enter(uidOf(peer)), leave: (peer) => quota.leave(uidOf(peer)) };
}

function definedOnly(options: UnixListenerOptions): {
  readonly streamsPerUid?: number;
  readonly maxStreams?: number;
  readonly reserveForRoot?: number;
} {
  const { streamsPerUid, maxStreams, reserveForRoot } = options;
  return {
    ...(streamsPerUid === undefined ? {} : { streamsPerUid }),
    ...(maxStreams === undefined ? {} : { maxStreams }),
    ...(reserveForRoot === undefined ? {} : { reserveForRoot }),
  };
}

/** Binds under a umask that yields `mode`: there is no moment in which the socket is open to more than it should be. */
function listenWithMode(
  server: Server,
  options: ListenOptions & { readonly fd?: number },
  mode: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    const before = process.umask(0o777 & ~mode);
    try {
      server.listen(options, () => {
        server.off("error", reject);
        resolve();
      });
    } finally {
      process.umask(before);
    }
  });
}

/** The accepted socket's descriptor. Node has no public way to it; -1 (no credentials) once the socket is closed. */
function descriptorOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, "_handle");
  if (typeof handle !== "object" || handle === null || !("fd" in handle)) return -1;
  return typeof handle.fd === "number" ? handle.fd : -1;
}
