import type { Certificate } from "../certs/index.ts";
import { type Clock, type Logger, type Metrics, type Random, TaskGroup } from "../runtime/core/index.ts";
import { type TrustDomain, type VerifiedX509Svid, verifyX509Svid } from "../spiffe/index.ts";
import { Gate } from "./api/gate.ts";
import type { CoreServices } from "./api/server-services.ts";
import { TakingTurns } from "./api/taking-turns.ts";
import { JoinTokenAttestor, type NodeAttestor } from "./attestation/index.ts";
import { Authorities } from "./authority/authorities.ts";
import type { UpstreamAuthority } from "./authority/ports.ts";
import { UpstreamFollower } from "./authority/upstream/upstream-follower.ts";
import { AgentSightings, AgentStanding, AuthorityTrust, ClassAuthorizer, OpenCalls } from "./authorization/index.ts";
import type { ServerConfig } from "./config/index.ts";
import { serverErrors } from "./errors.ts";
import { type HealthProbe, healthProbe } from "./health.ts";
import { Housekeeping } from "./housekeeping.ts";
import { type IssuanceDeps, IssuancePipeline } from "./issuance/issuance-pipeline.ts";
import type { JobRunner } from "./issuance/job-runner.ts";
import type { KeyManager } from "./issuance/ports.ts";
import { RateLimiter } from "./rate/index.ts";
import { RegistryListings } from "./registry/listing.ts";
import { MemoryRegistry } from "./registry/memory-registry.ts";
import type { Registry } from "./registry/ports.ts";
import type { Store } from "./store/ports.ts";
import { StoreIntegrity, type StoreIntegrityDeps } from "./store-integrity.ts";
import { ConnectionTable } from "./sync/index.ts";
import { auditLog, calmAuditLog, noAuditLog, ServerMetrics } from "./telemetry/index.ts";

/** What of the configuration the core uses; no addresses, paths or processes. */
export type CoreConfig = Pick<
  ServerConfig,
  | "trustDomain"
  | "adminIds"
  | "ttls"
  | "caKeyType"
  | "jwtKeyType"
  | "caSubject"
  | "jwtIssuer"
  | "auditLog"
  | "rateLimits"
  | "pruneNodes"
  | "nodeAttestors"
>;

/** Everything that differs between a production server, a test and a simulation on virtual time. */
export interface ServerCoreDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly store: Store;
  /** Reads the whole store once and names what is damaged; `undefined`: nobody looks. */
  readonly lookAtStore?: StoreIntegrityDeps["look"];
  readonly keyManager: KeyManager;
  readonly upstream: UpstreamAuthority;
  readonly runner: JobRunner & { readonly queued?: number };
  readonly serverVersion: string;
  /** For the server's own SVID; replaced in simulation, where other threads would fall behind virtual time. */
  readonly generateKey?: NonNullable<IssuanceDeps["generateKey"]>;
  /** Beside `join_token`; made once, when the core has its memory. */
  readonly attestors?: (registry: Pick<Registry, "bundle">) => readonly NodeAttestor[];
}

/** A server without sockets. Disposing it stops its background work; the store stays with its owner. */
export interface ServerCore extends AsyncDisposable {
  readonly serverId: string;
  readonly gate: Gate;
  readonly services: CoreServices;
  readonly registry: MemoryRegistry;
  readonly authorities: Authorities;
  readonly issuance: IssuancePipeline;
  readonly connections: ConnectionTable;
  readonly limiter: RateLimiter;
  readonly metrics: ServerMetrics;
  readonly health: HealthProbe;
  readonly tasks: TaskGroup;
  /** Judges the chain of a client (leaf first). Throws to refuse the connection. */
  verifyPeer(chain: readonly Certificate[]): VerifiedX509Svid;
  /** Brings the gauges up to date; before a scrape. */
  measure(): void;
}

const statusIntervalSeconds = 30;
const week = 7 * 86_400;
const defaultCaSubject = { country: "US", organization: "SPIFFE" };

/** Resolves when the core can issue. `onFailure` hears of background work that ended although it should not. */
export async function createServerCore(
  config: CoreConfig,
  deps: ServerCoreDeps,
  onFailure?: (error: unknown) => void,
): Promise<ServerCore> {
  const { clock, random, logger, metrics, store } = deps;
  const { trustDomain } = config;
  await using cleanup = new AsyncDisposableStack();
  const serverId = await store.serverId();
  // The first authority, when there is none yet, takes a few commits: memory is loaded beside it.
  const [authorities, registry] = await Promise.all([
    startAuthorities(config, deps, serverId),
    MemoryRegistry.load({ trustDomain, feed: store, clock, random, logger }),
  ]);
  cleanup.use(registry);
  const issuance = issuancePipeline(config, deps, authorities);
  cleanup.defer(() => issuance.close());
  const tasks = cleanup.use(new TaskGroup(onFailure));
  const trust = new AuthorityTrust(registry, store);
  const standing = new AgentStanding({ registry, store, clock });
  const openCalls = new OpenCalls({ registry, trust, clock });
  cleanup.defer(() => openCalls.close());
  const connections = new ConnectionTable({ registry, clock });
  cleanup.defer(() => connections.close());
  const serverMetrics = new ServerMetrics(metrics);
  const limiter = new RateLimiter(config.rateLimits, clock);
  const sightings = new AgentSightings({ registry, clock });
  cleanup.defer(() => sightings.close());
  const { adminIds } = config;
  const authorizer = new ClassAuthorizer({ trustDomain, adminIds, registry, standing, trust, clock, sightings });
  const audit = config.auditLog ? calmAuditLog(auditLog(logger), clock) : noAuditLog;
  const gate = new Gate({ authorizer, limiter, openCalls, audit, metrics: serverMetrics, clock });
  const integrity = new StoreIntegrity({ look: deps.lookAtStore ?? (async () => []), clock, logger });
  const health = healthProbe({ trustDomain, store, integrity, registry, authorities, nowMs: () => clock.now() });
  const attestors = [
    ...(config.nodeAttestors.joinToken ? [new JoinTokenAttestor({ tokens: store, clock })] : []),
    ...(deps.attestors?.(registry) ?? []),
  ];
  const sync = {
    trustDomain,
    registry,
    authorized: registry,
    feed: store,
    connections,
    clock,
    serverId,
    serverVersion: deps.serverVersion,
    statusIntervalSeconds,
    onSynced: (kind: "snapshot" | "resumed") => serverMetrics.synced(kind),
  };
  const services: CoreServices = {
    trustDomain,
    clock,
    random,
    store,
    registry,
    authorized: registry,
    turns: new TakingTurns(clock),
    listings: new RegistryListings(registry),
    issuance,
    standing,
    attestors: new Map(attestors.map((attestor) => [attestor.name, attestor])),
    agentTtl: config.ttls.agent,
    downstream: {
      authorities,
      trustDomain,
      subject: config.caSubject,
      caTtl: config.ttls.ca,
      clock,
      random,
      upstream: deps.upstream,
    },
    connections,
    sync,
    waiting: { registry, authorized: registry, feed: store, connections, clock },
    health,
    localAuthorities: authorities.operations,
    revocation: { registry, connections, sightings, ttls: config.ttls, clock },
  };
  // Own writes of the start are in memory before anybody is served.
  await registry.reached((await store.head()).n, tasks.signal);
  const housekeeping = new Housekeeping({ trustDomain, store, registry, clock, logger, pruneNodes: config.pruneNodes });
  const follower = new UpstreamFollower({
    trustDomain,
    upstream: deps.upstream,
    store,
    clock,
    random,
    logger,
  });
  cleanup.defer(
    registry.onApplied((changes) => {
      for (const { type, key, value } of changes) {
        if (type === "bundle" && key === trustDomain.name && value !== undefined) void authorities.follow(value);
      }
    }),
  );
  tasks.run((signal) => authorities.run(signal));
  tasks.run((signal) => follower.run(signal));
  tasks.run((signal) => housekeeping.run(signal));
  if (deps.lookAtStore !== undefined) tasks.run((signal) => integrity.run(signal));
  const owned = cleanup.move();
  return {
    serverId,
    gate,
    services,
    registry,
    authorities,
    issuance,
    connections,
    limiter,
    metrics: serverMetrics,
    health,
    tasks,
    verifyPeer: (chain) => verifyPeer(config, registry, chain, clock.now()),
    measure: () => measure(serverMetrics, { registry, connections, limiter, runner: deps.runner }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function startAuthorities(config: CoreConfig, deps: ServerCoreDeps, serverId: string): Promise<Authorities> {
  const { trustDomain, caKeyType, jwtKeyType, caSubject = defaultCaSubject, ttls } = config;
  const { store, keyManager, upstream, clock, random, logger, metrics } = deps;
  return Authorities.start(
    { trustDomain, serverId, caKeyType, caTtl: ttls.ca, caSubject, jwtKeyType },
    { store, keyManager, upstream, clock, random, logger, metrics },
  );
}

function issuancePipeline(config: CoreConfig, deps: ServerCoreDeps, authorities: Authorities): IssuancePipeline {
  const { ttls } = config;
  const { runner, clock, random, generateKey } = deps;
  const options = {
    defaultX509SvidTtl: ttls.x509Svid,
    agentTtl: ttls.agent,
    maxSvidTtl: Math.max(week, ttls.x509Svid, ttls.agent, ttls.jwtSvid),
    jwt: { defaultTtl: ttls.jwtSvid, issuer: config.jwtIssuer ?? "" },
    serverKeyType: "ec-p256",
  } as const;
  const own = generateKey === undefined ? {} : { generateKey };
  return new IssuancePipeline(options, { authorities, runner, clock, random, ...own });
}

/** Own trust domain, or an admin that is configured by name (spire-features §1.13). */
function verifyPeer(
  { trustDomain, adminIds }: Pick<CoreConfig, "trustDomain" | "adminIds">,
  registry: MemoryRegistry,
  chain: readonly Certificate[],
  atMs: number,
): VerifiedX509Svid {
  const bundles = { get: (name: TrustDomain) => registry.bundle(name) };
  const verified = verifyX509Svid({ chain, bundles, atMs, usage: "client" });
  const { id } = verified;
  if (id.isMemberOf(trustDomain) || adminIds.some((admin) => admin.equals(id))) return verified;
  throw serverErrors.error("ERR_NOT_AUTHORIZED", `${id} is of another trust domain and no configured admin`);
}

function measure(
  metrics: ServerMetrics,
  world: {
    readonly registry: MemoryRegistry;
    readonly connections: ConnectionTable;
    readonly limiter: RateLimiter;
    readonly runner: { readonly queued?: number };
  },
): void {
  const { registry, connections, limiter, runner } = world;
  let connected = 0;
  let lag = 0;
  let queued = 0;
  let firstAgentExpiry = 0;
  for (const session of connections.sessions()) {
    connected += 1;
    lag = Math.max(lag, session.lag);
    queued += session.queued;
    const expiresAt = registry.node(session.agentId)?.expiresAt ?? 0;
    if (firstAgentExpiry === 0 || expiresAt < firstAgentExpiry) firstAgentExpiry = expiresAt;
  }
  const { nodeCount: agents, entryCount: entries } = registry;
  metrics.fleet({ agents, entries, connected, lag, firstAgentExpiry });
  metrics.queueDepth("sync", queued);
  metrics.queueDepth("rate_limit", limiter.waiting);
  metrics.queueDepth("signing", runner.queued ?? 0);
}
