import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import { errorFields, type LogFields, type Logger, type Metrics } from "../../runtime/core/index.ts";
import type { SpiffeId } from "../../spiffe/index.ts";

/** What happens in the agent's core: one function an event, each the only place of its log line and its metrics. */
export type AgentEvents = ReturnType<typeof createAgentEvents>;

export function createAgentEvents(logger: Logger, metrics: Metrics) {
  const svids = metrics.counter({
    name: "countersign_agent_x509_svids_total",
    help: "X509-SVIDs asked of the server, by outcome",
    labels: ["outcome"],
  });
  const batches = metrics.counter({
    name: "countersign_agent_svid_batches_failed_total",
    help: "SVID batches that failed as a whole",
  });
  const mismatches = metrics.counter({
    name: "countersign_agent_sync_digest_mismatches_total",
    help: "Change sets after which the agent's entries differed from the server's",
  });
  const connections = metrics.counter({
    name: "countersign_agent_sync_streams_total",
    help: "Sync streams by how they ended",
    labels: ["outcome"],
  });
  const changeSets = metrics.counter({
    name: "countersign_agent_sync_change_sets_total",
    help: "Change sets applied, by resource type and form",
    labels: ["type", "form"],
  });
  const current = metrics.gauge({
    name: "countersign_agent_sync_current",
    help: "1 while the agent's entries are those of the server",
  });
  const expiry = metrics.gauge({
    name: "countersign_agent_svid_expiry_seconds",
    help: "When the agent's own SVID expires, Unix seconds",
  });
  const renewals = metrics.counter({
    name: "countersign_agent_renewals_total",
    help: "Renewals of the agent's own SVID, by outcome",
    labels: ["outcome"],
  });
  const jwtFailures = metrics.counter({
    name: "countersign_agent_jwt_failures_total",
    help: "JWT-SVID requests to the server that failed",
  });
  current.set(0);

  const repeats = new Repeats(logger);
  const entryFields = (entry: RegistrationEntry) => ({ entry_id: entry.id, spiffe_id: entry.spiffeId.toString() });
  return {
    svidIssued(entry: RegistrationEntry, notAfterMs: number): void {
      svids.add(1, "issued");
      logger.debug({ ...entryFields(entry), expires_at: isoTime(notAfterMs) }, "X509-SVID received");
    },
    svidRefused(
      entry: RegistrationEntry,
      code: string,
      answer: { readonly code: number; readonly message: string },
      delayMs: number,
    ): void {
      svids.add(1, "refused");
      logger.warn(
        {
          ...entryFields(entry),
          error_code: code,
          status: answer.code,
          error: answer.message,
          retry_ms: delayMs,
        },
        "X509-SVID refused",
      );
    },
    svidExpired(entry: RegistrationEntry): void {
      svids.add(1, "expired");
      logger.error(entryFields(entry), "X509-SVID expired before it was renewed; the workload no longer gets it");
    },
    svidBatchFailed(error: unknown, size: number, delayMs: number): void {
      batches.add(1);
      repeats.warn("svidBatchFailed", error, { ...errorFields(error), size, retry_ms: delayMs }, "SVID batch failed");
    },
    jwtFailed(error: unknown): void {
      jwtFailures.add(1);
      repeats.warn("jwtFailed", error, errorFields(error), "JWT-SVID not received");
    },
    distrusted(count: number): void {
      logger.warn({ x509_svids: count }, "an authority is distrusted; its SVIDs are being replaced");
    },
    syncConnected(server: { readonly id: string; readonly version: string }): void {
      logger.info({ server_id: server.id, server_version: server.version }, "connected to the server");
      repeats.forget();
    },
    syncEnded(error: unknown, delayMs: number): void {
      connections.add(1, "failed");
      repeats.warn("syncEnded", error, { ...errorFields(error), retry_ms: delayMs }, "connection to the server lost");
    },
    polling(intervalMs: number): void {
      logger.info({ interval_ms: intervalMs }, "the server has no sync service; it is polled");
    },
    pushed(serverId: string, serverVersion: string): void {
      logger.info({ server_id: serverId, server_version: serverVersion }, "the server pushes changes by now");
    },
    entryUnreadable(id: string, error: unknown): void {
      repeats.warn("entryUnreadable", error, { ...errorFields(error), entry_id: id }, "entry not understood");
    },
    bundleNotFetched(trustDomain: string, error: unknown): void {
      repeats.warn(
        `bundleNotFetched ${trustDomain}`,
        error,
        { ...errorFields(error), trust_domain: trustDomain },
        "bundle not fetched; the one held stays in use",
      );
    },
    statusNotPosted(error: unknown): void {
      repeats.warn("statusNotPosted", error, errorFields(error), "the server does not know the agent's version");
    },
    /** To the same server, or to one that has taken its place. */
    syncHandedOver(server: { readonly id: string; readonly version: string }): void {
      connections.add(1, "handed_over");
      logger.info({ server_id: server.id, server_version: server.version }, "moved to a new connection");
    },
    handOverFailed(error: unknown, delayMs: number): void {
      repeats.warn(
        "handOverFailed",
        error,
        { ...errorFields(error), retry_ms: delayMs },
        "the new connection failed; the old one stays",
      );
    },
    syncApplied(type: string, isSnapshot: boolean, upserts: number, removed: number): void {
      changeSets.add(1, type, isSnapshot ? "snapshot" : "delta");
      logger.debug({ type, snapshot: isSnapshot, upserts, removed }, "change set applied");
    },
    digestMismatch(expected: string, actual: string, wasSnapshot: boolean): void {
      mismatches.add(1);
      logger.error(
        { expected, actual, snapshot: wasSnapshot },
        "the agent's entries differ from the server's; a snapshot is requested",
      );
    },
    syncCurrent(isCurrent: boolean): void {
      current.set(isCurrent ? 1 : 0);
    },
    identityLoaded(id: SpiffeId, notAfterMs: number): void {
      expiry.set(Math.floor(notAfterMs / 1000));
      logger.info({ spiffe_id: id.toString(), expires_at: isoTime(notAfterMs) }, "stored agent identity in use");
    },
    attested(id: SpiffeId, notAfterMs: number): void {
      expiry.set(Math.floor(notAfterMs / 1000));
      logger.info({ spiffe_id: id.toString(), expires_at: isoTime(notAfterMs) }, "attested to the server");
    },
    attestFailed(error: unknown, delayMs: number): void {
      repeats.warn("attestFailed", error, { ...errorFields(error), retry_ms: delayMs }, "attestation failed");
    },
    renewed(id: SpiffeId, notAfterMs: number): void {
      renewals.add(1, "renewed");
      expiry.set(Math.floor(notAfterMs / 1000));
      logger.info({ spiffe_id: id.toString(), expires_at: isoTime(notAfterMs) }, "agent SVID renewed");
    },
    renewFailed(error: unknown, delayMs: number): void {
      renewals.add(1, "failed");
      repeats.warn("renewFailed", error, { ...errorFields(error), retry_ms: delayMs }, "agent SVID not renewed");
    },
    fellBack(id: SpiffeId): void {
      logger.warn({ spiffe_id: id.toString() }, "the renewed SVID is not accepted; the one before is in use again");
    },
    identityLost(reason: string): void {
      logger.error({ reason }, "the server no longer accepts this agent's identity");
    },
    ownSvidExpired(): void {
      logger.error({}, "the agent's own SVID has expired; valid workload SVIDs are still served");
    },
    wiped(reason: string): void {
      logger.error({ reason }, "all identities on this host were wiped");
    },
    stateNotPersisted(why: string): void {
      logger.info({ reason: why }, "workload SVIDs are kept in memory only; after a restart they come from the server");
    },
    stateRestored(entries: number, svids: number): void {
      logger.info({ entries, x509_svids: svids }, "workload SVIDs restored from tmpfs");
    },
    stateDiscarded(why: string): void {
      logger.warn({ reason: why }, "stored workload state discarded");
    },
    storeFailed(error: unknown): void {
      logger.error(errorFields(error), "state could not be stored");
    },
    authorityUnknown({ mode, delayMs }: { readonly mode: string; readonly delayMs: number }): void {
      const when = mode === "never" ? {} : { rebootstrap_after_ms: delayMs };
      logger.error(
        { rebootstrap: mode, ...when },
        "the server's certificate is of an authority the agent does not know",
      );
    },
    rebootstrapping(): void {
      logger.warn({}, "the server's authority is still unknown; the bootstrap bundle is fetched anew");
    },
    rebootstrapFailed(error: unknown, delayMs: number): void {
      repeats.warn("rebootstrapFailed", error, { ...errorFields(error), retry_ms: delayMs }, "rebootstrap failed");
    },
    rebootstrapNeedsToken(): void {
      logger.warn({}, "this node cannot attest again by itself: a rebootstrap will need a new join token");
    },
    insecureBootstrap(): void {
      logger.warn({}, "insecure bootstrap: the first server that answers is trusted");
    },
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** An outage says the same for hours: each kind of failure is a warning three times, then a debug line until it changes. */
class Repeats {
  readonly #logger: Logger;
  readonly #seen = new Map<string, { readonly code: unknown; readonly times: number }>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  warn(kind: string, error: unknown, fields: LogFields, message: string): void {
    const code = errorFields(error)["error_code"];
    const before = this.#seen.get(kind);
    const times = before?.code === code ? (before?.times ?? 0) + 1 : 1;
    this.#seen.set(kind, { code, times });
    if (times > 3) this.#logger.debug(fields, message);
    else this.#logger.warn(fields, times === 3 ? `${message}; further ones at level debug` : message);
  }

  /** It works again: the next failure is news. */
  forget(): void {
    this.#seen.clear();
  }
}
