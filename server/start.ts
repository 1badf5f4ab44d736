import {
  commonErrors,
  listenTls,
  listenUnix,
  type TlsListener,
  transportLimits,
  transportMetrics,
  type UnixListener,
} from "../transport/index.ts";
import type { LevelledLog } from "./api/logger/logger-levels.ts";
import { serverRouter } from "./api/register.ts";
import { openSync } from "./api/sync/open.ts";
import type { ServerConfig } from "./config/index.ts";
import { createServerCore, type ServerCore, type ServerCoreDeps } from "./core.ts";
import { RotatingTlsIdentity } from "./tls-identity.ts";

/** A server that is served. Disposing it is a graceful stop. */
export interface Server extends AsyncDisposable {
  readonly core: ServerCore;
  readonly tcp: { readonly host: string; readonly port: number };
  readonly socketPath: string;
  /** Rejects with the failure for which the server cannot go on. Never resolves before it is disposed. */
  readonly failed: Promise<never>;
}

export interface StartDeps extends ServerCoreDeps {
  /** The process's log, for administrators to change its level. */
  readonly log: LevelledLog;
  /** Admin socket inherited from the service manager. */
  readonly adminSocketFd?: number | undefined;
  /** How long calls may go on after the stop began, milliseconds. */
  readonly graceMs?: number;
}

const usualGraceMs = 5_000;

/** Resolves when admin socket and TCP are served. Rejects, with nothing left behind, when something is in the way. */
export async function startServer(config: ServerConfig, deps: StartDeps): Promise<Server> {
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {});
  await using cleanup = new AsyncDisposableStack();
  const core = cleanup.use(await createServerCore(config, deps, failure.reject));
  const { issuance } = core;
  const { clock, random, logger, log } = deps;
  const startedAtMs = clock.monotonic();
  let tls: TlsListener | undefined;
  const identity = await RotatingTlsIdentity.start({ issuance, clock, random, logger }, () => tls?.updateIdentity());
  core.tasks.run((signal) => identity.run(signal));
  cleanup.defer(core.authorities.onChanged(() => identity.reconsider(core.authorities.bundle)));
  const shared = {
    router: serverRouter(core.gate, {
      ...core.services,
      log,
      ownSvid: () => identity.current.chain,
      uptimeSeconds: () => Math.floor((clock.monotonic() - startedAtMs) / 1000),
    }),
    logger,
    metrics: transportMetrics(deps.metrics),
    clock,
    random,
  };
  const unix = await listenUnix({
    ...shared,
    name: "admin",
    limits: transportLimits.adminSocket,
    path: config.socketPath,
    mode: 0o770,
    directoryMode: 0o750,
    ...(deps.adminSocketFd === undefined ? {} : { inheritedFd: deps.adminSocketFd }),
    onPeer: ({ uid, pid }) => {
      logger.debug({ peer_uid: uid, peer_pid: pid }, "connection to the admin socket");
      return true;
    },
  });
  cleanup.use(unix);
  tls = await listenTls({
    ...shared,
    name: "tcp",
    ...config.bind,
    identity: () => identity.current,
    maxConnectionAgeMs: (methods, certifiedMs) => connectionAgeMs(config, methods, certifiedMs),
    verifyPeer: (chain) => core.verifyPeer(chain),
    proxies: config.proxies,
  });
  const owned = cleanup.move();
  const listening = tls;
  return {
    core,
    tcp: { host: listening.address.host, port: listening.address.port },
    socketPath: config.socketPath,
    failed: failure.promise,
    [Symbol.asyncDispose]: async () => {
      await stopListening([unix, listening], deps.graceMs ?? usualGraceMs);
      await owned.disposeAsync();
    },
  };
}

/**
 * Other streams are polls, over in a moment; an agent that is pushed to costs a handshake each time it has to move, and
 * moves by itself with each new SVID. A SPIRE server below does not: it shows its new SVID when it is asked to leave, and
 * must be before the one it came with has expired, or everything it asks for is refused.
 */
function connectionAgeMs({ connectionAge }: ServerConfig, methods: Iterable<string>, certifiedMs: number): number {
  for (const method of methods) if (method === openSync.method) return connectionAge.syncMs;
  return Math.min(connectionAge.usualMs, 0.7 * certifiedMs);
}

/** Streams have no end of their own: they are told at once, calls may finish. */
async function stopListening(listeners: readonly (UnixListener | TlsListener)[], graceMs: number): Promise<void> {
  const closing = listeners.map((listener) => listener.close({ graceMs }));
  for (const listener of listeners) {
    const isEndless = (_peer: unknown, method: string): boolean =>
      method.startsWith("/countersign.server.sync.v1.Sync/");
    listener.endStreams(isEndless, commonErrors.error("ERR_SHUTTING_DOWN", "the server is stopping"));
  }
  await Promise.all(closing);
}
