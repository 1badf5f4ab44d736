import { createHash, type KeyObject } from "node:crypto";
import { buildCsr } from "../../certs/index.ts";
import type { ServerLink } from "../../proto/domain/link.ts";
import { backOffMs, type Clock, type Random } from "../../runtime/core/index.ts";
import type { SpiffeBundle, TrustDomain } from "../../spiffe/index.ts";
import { type PermissionDeniedReason, ServiceError } from "../../transport/index.ts";
import type { NodeAttestor, NodeProof } from "../attestation/node/node-attestor.ts";
import type { BootstrapSource } from "../bootstrap/bundle-source.ts";
import { Wakeup } from "../domain/wakeup.ts";
import { agentErrors } from "../errors.ts";
import { agentLimits, backOffs } from "../limits.ts";
import { deniedReason } from "../sync/denied-reason.ts";
import type { AgentEvents } from "../telemetry/events.ts";
import { attestNode } from "./attest-node.ts";
import { type NodeIdentity, nodeIdentity } from "./node-identity.ts";
import type { NodeState, NodeStore } from "./node-store.ts";
import { Rebootstrap, type RebootstrapPolicy } from "./rebootstrap.ts";
import { RenewalPace } from "./renewal-pace.ts";

export interface NodeIdentityKeeperDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly trustDomain: TrustDomain;
  readonly link: Pick<ServerLink, "attest" | "getBundle" | "renewAgent" | "identityChanged">;
  readonly store: NodeStore;
  readonly attestor: NodeAttestor;
  readonly bootstrap: BootstrapSource;
  readonly events: AgentEvents;
  /** A fresh private key for the agent itself. */
  readonly makeKey: () => Promise<KeyObject>;
  /** The bundle as the agent knows it now; `undefined` before bootstrap. */
  readonly bundle: () => SpiffeBundle | undefined;
  readonly onBundle: (bundle: SpiffeBundle) => void;
  /** Called after the identity is stored and the link knows of it. `before` has another id after a new attestation. */
  readonly onIdentity: (now: NodeIdentity, before: NodeIdentity | undefined) => Promise<void>;
  /** The server has banned the agent: everything of its workloads must go. */
  readonly onBanned: () => Promise<void>;
  readonly isDistrusted: (authorityId: string) => boolean;
  readonly rebootstrap: RebootstrapPolicy;
  /** Distrusted, and the moment has come to replace what it signed. */
  readonly isReplacementDue: (authorityId: string) => boolean;
  /** Is there still something to serve while the agent has no valid identity of its own? */
  readonly hasServableSvid: () => boolean;
}

const expiredCheckMs = 15_000;

/**
 * Keeps the agent's own identity: attests when there is none, renews at half-life, and does what the server's refusals
 * ask for. A renewal has two phases, as SPIRE's: the server keeps the new serial as pending until it is first used, and
 * the agent keeps the old identity until the new one was accepted; so a crash or a lost answer at any point leaves one
 * identity that works.
 */
export class NodeIdentityKeeper {
  readonly #deps: NodeIdentityKeeperDeps;
  readonly #wakeup = new Wakeup();
  #state: NodeState | undefined;
  #denied: PermissionDeniedReason | undefined;
  readonly #pace: RenewalPace;
  #saidExpired = false;
  #changes: Promise<void> = Promise.resolve();
  readonly #rebootstrap: Rebootstrap;
  #bootstrapBundle: SpiffeBundle | undefined;

  constructor(deps: NodeIdentityKeeperDeps) {
    this.#deps = deps;
    this.#pace = new RenewalPace(deps.random);
    this.#rebootstrap = new Rebootstrap(deps.rebootstrap, deps.clock, deps.random);
  }

  /** Set while the agent attests under a bootstrap bundle fetched anew: attestation goes by it, and nothing else. */
  get bootstrapBundle(): SpiffeBundle | undefined {
    return this.#bootstrapBundle;
  }

  /** A stream could not be opened, or broke. */
  failed(error: unknown): void {
    if (!this.#rebootstrap.serverFailed(error)) return;
    this.#deps.events.authorityUnknown(this.#deps.rebootstrap);
    this.#wakeup.wake();
  }

  get current(): NodeIdentity | undefined {
    return this.#state?.active;
  }

  /**
   * A stream was refused because of `identity`. When another is in use by now that says nothing: the server ends the
   * former identity's streams as soon as the new one was used.
   */
  denied(reason: PermissionDeniedReason, identity: NodeIdentity | undefined): void {
    if (identity !== this.current) return;
    this.#denied = reason;
    this.#wakeup.wake();
  }

  /** The server has accepted `identity`; when it is the active one, the one before is of no use any more. */
  async accepted(identity: NodeIdentity | undefined): Promise<void> {
    this.#rebootstrap.serverVerified();
    if (this.#pace.serverIsBack()) this.#wakeup.wake();
    await this.#inTurn(async () => {
      const state = this.#state;
      if (state?.previous === undefined || state.active !== identity) return;
      this.#state = { ...state, previous: undefined };
      await this.#deps.store.saveState(this.#state);
    });
  }

  /** One change of the stored state after the other: what is stored last is what holds last. */
  #inTurn(change: () => Promise<void>): Promise<void> {
    const turn = this.#changes.then(change);
    this.#changes = turn.catch(() => {
      // Whoever made the change hears of it.
    });
    return turn;
  }

  /** An authority has been distrusted, or the like: look again whether a renewal is due. */
  reconsider(): void {
    this.#wakeup.wake();
  }

  /**
   * Obtains an identity, then keeps it until `signal` is aborted.
   *
   * @throws ServiceError when the agent must stop: `ERR_AGENT_BANNED`, `ERR_AGENT_EVICTED`, `ERR_AGENT_SVID_EXPIRED`,
   * `ERR_ATTESTATION_REFUSED`, `ERR_REBOOTSTRAP_UNSUPPORTED`, `ERR_JOIN_TOKEN_UNREADABLE`, `ERR_X509POP_FILES`,
   * `ERR_BOOTSTRAP_BUNDLE`, `ERR_NODE_STATE_CORRUPT`
   */
  async run(signal: AbortSignal): Promise<void> {
    await this.#establish(signal);
    this.#checkRebootstrap();
    while (!signal.aborted) {
      const state = this.#state;
      if (state === undefined) throw new TypeError("the keeper lost its state");
      const reason = this.#denied;
      this.#denied = undefined;
      if (reason !== undefined) await this.#handleDenied(state, reason, signal);
      else await this.#step(state, signal);
    }
  }

  async #establish(signal: AbortSignal): Promise<void> {
    const { store, clock, events } = this.#deps;
    const bundle = await store.loadBundle();
    if (bundle !== undefined) this.#deps.onBundle(bundle);
    const stored = await store.loadState();
    if (stored !== undefined && stored.active.notAfterMs > clock.now()) {
      this.#state = stored;
      events.identityLoaded(stored.active.id, stored.active.notAfterMs);
      if (bundle === undefined) await this.#bootstrapOnly(signal);
      this.#deps.link.identityChanged();
      await this.#deps.onIdentity(stored.active, undefined);
      return;
    }
    await this.#attestForEver(stored?.proofDigest, signal);
  }

  /** There is an identity but no bundle: the agent stopped between the two. */
  async #bootstrapOnly(signal: AbortSignal): Promise<void> {
    await this.#retrying(signal, async () => {
      const bundle =
        (await this.#deps.bootstrap.fetch(signal)) ??
        (await this.#deps.link.getBundle({ signal, timeoutMs: agentLimits.callTimeoutMs.value }));
      await this.#takeBundle(bundle);
    });
  }

  /** What is due now, then sleeps until something else is. */
  async #step(state: NodeState, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    const now = clock.now();
    const { active } = state;
    if (now >= active.notAfterMs) {
      await this.#handleExpired(state, signal);
      return;
    }
    const dueAt = active.authorityIds.some(this.#deps.isReplacementDue) ? now : active.renewAtMs;
    if (now >= dueAt && now >= this.#pace.notBeforeMs) {
      await this.#renew(state, signal);
      return;
    }
    const rebootstrapAt = this.#rebootstrap.dueAtMs;
    if (now >= rebootstrapAt) {
      await this.#beginAnew(state, signal);
      return;
    }
    const next = Math.min(active.notAfterMs, rebootstrapAt, Math.max(dueAt, this.#pace.notBeforeMs));
    await this.#wakeup.sleep(clock, next - now, signal).catch(() => {});
  }

  async #renew(state: NodeState, signal: AbortSignal): Promise<void> {
    try {
      if (state.active.canReattest) await this.#attestOnce(signal);
      else await this.#renewOnce(state, signal);
      this.#pace.succeeded();
    } catch (error) {
      if (signal.aborted) return;
      const reason = deniedReason(error);
      if (reason !== undefined) this.#denied = reason;
      const delayMs = this.#pace.failed(error, this.#deps.clock.now(), state.active.notAfterMs);
      this.#deps.events.renewFailed(error, delayMs);
    }
  }

  async #renewOnce(state: NodeState, signal: AbortSignal): Promise<void> {
    const key = await this.#deps.makeKey();
    const issued = await this.#deps.link.renewAgent(buildCsr({ key }), {
      signal,
      timeoutMs: agentLimits.callTimeoutMs.value,
    });
    const { trustDomain, clock } = this.#deps;
    const active = nodeIdentity(trustDomain, key, issued.chain, state.active.canReattest, clock.now());
    if (!active.id.equals(state.active.id)) {
      throw agentErrors.error("ERR_ATTESTATION_INCONSISTENT", `the renewed SVID is for ${active.id.toString()}`);
    }
    await this.#adopt({ active, previous: state.active, proofDigest: state.proofDigest });
    this.#deps.events.renewed(active.id, active.notAfterMs);
    // Distrusted still: not again before some time has passed.
    if (active.authorityIds.some(this.#deps.isDistrusted)) throw new Error("the new SVID is of a distrusted authority");
  }

  #checkRebootstrap(): void {
    const { rebootstrap, events } = this.#deps;
    if (rebootstrap.mode === "never" || this.#state?.active.canReattest === true) return;
    if (rebootstrap.mode === "always") {
      throw agentErrors.error("ERR_REBOOTSTRAP_UNSUPPORTED", "this node cannot attest again, which rebootstrap needs");
    }
    events.rebootstrapNeedsToken();
  }

  /** What the agent has stays as it is until a server has proved itself under the new bundle and taken the node. */
  async #beginAnew(state: NodeState, signal: AbortSignal): Promise<void> {
    try {
      await this.#attestOnce(signal, state.proofDigest);
      this.#rebootstrap.succeeded();
    } catch (error) {
      if (signal.aborted) return;
      if (deniedReason(error) === "agentBanned") await this.#handleBanned();
      this.#deps.events.rebootstrapFailed(error, this.#rebootstrap.retryLater());
    }
  }

  async #adopt(state: NodeState): Promise<void> {
    const before = this.#state?.active;
    await this.#inTurn(async () => {
      await this.#deps.store.saveState(state);
      this.#state = state;
    });
    // What was refused meanwhile was the former identity.
    this.#denied = undefined;
    this.#saidExpired = false;
    this.#deps.link.identityChanged();
    await this.#deps.onIdentity(state.active, before);
  }

  async #attestForEver(spentDigest: string | undefined, signal: AbortSignal): Promise<void> {
    await this.#retrying(signal, async () => this.#attestOnce(signal, spentDigest));
  }

  /** Tries with back-off until it succeeds or cannot. */
  async #retrying(signal: AbortSignal, attempt: () => Promise<void>): Promise<void> {
    for (let failures = 0; ; failures += 1) {
      try {
        await attempt();
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (deniedReason(error) === "agentBanned") await this.#handleBanned();
        if (!this.#mayHelpToRetry(error)) throw error;
        const delayMs = backOffMs(failures, backOffs.attest, this.#deps.random);
        this.#deps.events.attestFailed(error, delayMs);
        await this.#deps.clock.sleep(delayMs, { signal });
      }
    }
  }

  #mayHelpToRetry(error: unknown): boolean {
    if (!(error instanceof ServiceError)) return true;
    if (error.code === "ERR_BOOTSTRAP_BUNDLE") return this.#deps.bootstrap.isRetryable;
    return !finalCodes.has(error.code);
  }

  async #attestOnce(signal: AbortSignal, spentDigest?: string): Promise<void> {
    const { attestor, events } = this.#deps;
    const proof = await attestor.prepare();
    const proofDigest = createHash("sha256").update(proof.payload).digest("hex");
    const maySayAgain = attestor.isReusable || this.#state?.active.canReattest === true;
    if (proofDigest === spentDigest && !maySayAgain) {
      throw agentErrors.error("ERR_AGENT_EVICTED", "the agent has used its join token up, and has no other");
    }
    await this.#ensureBundle(signal);
    const { identity, bundle } = await this.#attestUnder(proof, signal);
    await this.#takeBundle(bundle);
    this.#rebootstrap.serverVerified();
    await this.#adopt({ active: identity, previous: undefined, proofDigest });
    events.attested(identity.id, identity.notAfterMs);
  }

  /** Under the bundle that the agent has, or, when a rebootstrap is due, under the bootstrap bundle as it is now. */
  async #attestUnder(proof: NodeProof, signal: AbortSignal): ReturnType<typeof attestNode> {
    const { clock, bootstrap, events } = this.#deps;
    try {
      if (clock.now() >= this.#rebootstrap.dueAtMs) {
        events.rebootstrapping();
        this.#bootstrapBundle = await bootstrap.fetch(signal);
      }
      const bundle = (): SpiffeBundle | undefined => this.#bootstrapBundle ?? this.#deps.bundle();
      return await attestNode({ ...this.#deps, bundle }, proof, signal);
    } catch (error) {
      this.failed(error);
      throw error;
    } finally {
      this.#bootstrapBundle = undefined;
    }
  }

  async #ensureBundle(signal: AbortSignal): Promise<void> {
    if (this.#deps.bundle() !== undefined) return;
    const bundle = await this.#deps.bootstrap.fetch(signal);
    if (bundle === undefined) this.#deps.events.insecureBootstrap();
    else this.#deps.onBundle(bundle);
  }

  async #takeBundle(bundle: SpiffeBundle): Promise<void> {
    if (!bundle.trustDomain.equals(this.#deps.trustDomain)) {
      throw agentErrors.error("ERR_ATTESTATION_INCONSISTENT", `the server is of ${bundle.trustDomain.name}`);
    }
    await this.#deps.store.saveBundle(bundle);
    this.#deps.onBundle(bundle);
  }

  async #handleDenied(state: NodeState, reason: PermissionDeniedReason, signal: AbortSignal): Promise<void> {
    if (reason === "unknown") return;
    if (reason === "agentBanned") await this.#handleBanned();
    const { previous } = state;
    if (reason === "agentNotActive" && previous !== undefined && previous.notAfterMs > this.#deps.clock.now()) {
      await this.#adopt({ ...state, active: previous, previous: undefined });
      this.#deps.events.fellBack(previous.id);
      return;
    }
    this.#deps.events.identityLost(reason);
    if (reason === "agentExpired") await this.#handleExpired(state, signal);
    else await this.#attestAgain(state, signal);
  }

  /** @throws ServiceError `ERR_AGENT_BANNED` always */
  async #handleBanned(): Promise<never> {
    this.#state = undefined;
    await this.#deps.onBanned();
    await this.#inTurn(() => this.#deps.store.eraseState());
    this.#deps.events.wiped("banned");
    throw agentErrors.error("ERR_AGENT_BANNED", "the server has banned this agent");
  }

  async #attestAgain(state: NodeState, signal: AbortSignal): Promise<void> {
    try {
      await this.#attestForEver(state.proofDigest, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!isDeadEnd(error)) throw error;
      await this.#inTurn(() => this.#deps.store.eraseState());
      throw agentErrors.error("ERR_AGENT_EVICTED", "the server no longer accepts this agent's identity", {
        cause: error,
      });
    }
  }

  /** Valid workload SVIDs are still served, and a new token in the token file is a way back. */
  async #handleExpired(state: NodeState, signal: AbortSignal): Promise<void> {
    if (!this.#saidExpired) this.#deps.events.ownSvidExpired();
    this.#saidExpired = true;
    try {
      await this.#attestForEver(state.proofDigest, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!isDeadEnd(error)) throw error;
      if (!this.#deps.hasServableSvid()) {
        throw agentErrors.error("ERR_AGENT_SVID_EXPIRED", "the agent's own SVID has expired", { cause: error });
      }
      await this.#wakeup.sleep(this.#deps.clock, expiredCheckMs, signal).catch(() => {});
    }
  }
}

/** There is no proof left that the server would take. */
const deadEnds: ReadonlySet<string> = new Set([
  "ERR_ATTESTATION_REFUSED",
  "ERR_JOIN_TOKEN_UNREADABLE",
  "ERR_X509POP_FILES",
  "ERR_AGENT_EVICTED",
]);
/** Asking again with the same proof gives the same answer. */
const finalCodes: ReadonlySet<string> = new Set([...deadEnds, "ERR_AGENT_BANNED"]);

function isDeadEnd(error: unknown): boolean {
  return error instanceof ServiceError && deadEnds.has(error.code);
}
