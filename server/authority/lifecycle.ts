import type { KeyObject } from "node:crypto";
import { encodeSpki, publicKeyType } from "../../certs/index.ts";
import { type Clock, errorFields, type Logger, type Random, uuidV7 } from "../../runtime/core/index.ts";
import type { SpiffeBundle } from "../../spiffe/index.ts";
import type { AuthorityRecord, AuthorityState } from "../domain/authority.ts";
import { serverErrors } from "../errors.ts";
import type { KeyManager, Signer } from "../issuance/ports.ts";
import type { AuthorityCommit } from "../store/ports.ts";
import type { AuthorityKindProfile, ForgedAuthority } from "./authority-kind.ts";
import { distrustedAbove } from "./distrusted-above.ts";
import { type AuthorityAction, type AuthorityView, nextAction } from "./next-action.ts";
import { askingPace } from "./schedule.ts";
import { type AuthorityEvent, transition } from "./transitions.ts";

/** More actions than any sequence needs between two waits; a defence against a decision that repeats itself. */
const actionsMax = 64;

type PublishAction = Extract<AuthorityAction, { kind: "publish" }>;
export type WorkingAction = Exclude<AuthorityAction, { kind: "wait" }>;

export interface ActiveAuthority {
  readonly record: AuthorityRecord;
  readonly signer: Signer;
  readonly localKey: KeyObject | undefined;
}

export interface LifecycleDeps {
  readonly serverId: string;
  readonly keyManager: KeyManager;
  readonly listAuthorities: () => Promise<readonly AuthorityRecord[]>;
  readonly commit: (commit: AuthorityCommit) => Promise<void>;
  /** Own bundle as of the last read or commit. */
  readonly bundle: () => SpiffeBundle;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * The authorities of one kind: carries out what `nextAction` decides, journal first. Memory follows the store: a
 * record is changed here after its commit was acknowledged, and after any failure everything is read again before
 * the next step, because it is not known whether the last write arrived. Calls must not overlap.
 */
export class AuthorityLifecycle {
  readonly #profile: AuthorityKindProfile;
  readonly #deps: LifecycleDeps;
  #view: AuthorityView | undefined;
  #isStale = true;
  readonly #wellKnown = new Set<string>();
  #askAgainAt = 0;
  /** Said once. */
  readonly #lostKeys = new Set<string>();
  #active: ActiveAuthority | undefined;

  constructor(profile: AuthorityKindProfile, deps: LifecycleDeps) {
    this.#profile = profile;
    this.#deps = deps;
  }

  /** Signs now. Stays what it was while the store cannot be reached: what it signs is in the bundle. */
  get active(): ActiveAuthority | undefined {
    return this.#active;
  }

  get records(): readonly AuthorityRecord[] {
    return this.#view?.records ?? [];
  }

  /** Does everything that is due. Resolves with the time of the next turn, Unix seconds. */
  async advance(): Promise<number> {
    try {
      for (let count = 0; count < actionsMax; count += 1) {
        const view = await this.#current();
        const action = nextAction(view, this.#nowSeconds());
        if (action.kind === "wait") return action.until;
        await this.#apply(action, view);
      }
    } catch (error) {
      this.#isStale = true;
      throw error;
    }
    throw serverErrors.error("ERR_AUTHORITY_UNAVAILABLE", `the ${this.#profile.kind} authority does not settle`);
  }

  /**
   * Carries out one action that an operator asks for, if any. `decide` sees the authorities as they are, and throws to
   * refuse. Whatever failed, everything is read again before the next step.
   */
  async perform(decide: (view: AuthorityView) => WorkingAction | undefined): Promise<void> {
    try {
      const view = await this.#current();
      const action = decide(view);
      if (action !== undefined) await this.#apply(action, view);
    } catch (error) {
      this.#isStale = true;
      throw error;
    }
  }

  async #current(): Promise<AuthorityView> {
    if (this.#view === undefined || this.#isStale) {
      this.#view = await this.#load();
      this.#isStale = false;
    }
    // The bundle also changes without us: what is above may have been tainted.
    this.#view = { ...this.#view, ...this.#surroundings(this.#view.records) };
    return this.#view;
  }

  #surroundings(records: readonly AuthorityRecord[]) {
    return {
      distrustedAbove: distrustedAbove(records, this.#deps.bundle()),
      wantedLife: this.#profile.life,
      wellKnown: this.#wellKnown,
      askAgainAt: this.#askAgainAt,
    };
  }

  /** Reads records and keys, and takes up the active authority. */
  async #load(): Promise<AuthorityView> {
    const { serverId, keyManager, listAuthorities } = this.#deps;
    const records = (await listAuthorities()).filter((record) => record.kind === this.#profile.kind);
    const keys = new Map<string, boolean>();
    for (const keyId of await keyManager.listKeyIds()) {
      if (!keyId.startsWith(this.#keyPrefix)) continue;
      const record = records.find((candidate) => candidate.keyId === keyId && candidate.serverId === serverId);
      keys.set(keyId, record !== undefined && (await this.#isKeyOf(record)));
    }
    const view = { serverId, records, keys, ...this.#surroundings(records) };
    this.#tellLostKeys(view);
    await this.#take(view);
    return view;
  }

  /** Other servers may keep theirs in the same place. */
  get #keyPrefix(): string {
    return `${this.#deps.serverId}.${this.#profile.kind}.`;
  }

  /** A key that will not sign again is not looked at: it may be damaged, and is about to be deleted. */
  async #isKeyOf(record: AuthorityRecord): Promise<boolean> {
    if (record.state === "preparing") return true;
    if (record.state !== "prepared" && record.state !== "active") return false;
    const publicKey = await this.#deps.keyManager.publicKey(record.keyId);
    return publicKey !== undefined && Buffer.compare(encodeSpki(publicKey), record.publicKey) === 0;
  }

  /** The server goes on with a new authority; the operator must hear that a key went, since it may have gone elsewhere. */
  #tellLostKeys({ records, keys, serverId }: AuthorityView): void {
    for (const { id, keyId, state, notAfter, serverId: owner } of records) {
      const isInUse = (state === "active" || state === "prepared") && notAfter > this.#nowSeconds();
      if (owner !== serverId || !isInUse || keys.get(keyId) === true || this.#lostKeys.has(keyId)) continue;
      this.#lostKeys.add(keyId);
      const what = keys.has(keyId) ? "is not the one of the authority" : "is not there";
      const error = serverErrors.error("ERR_AUTHORITY_KEY_LOST", `the key ${keyId} ${what}`);
      const fields = { authority_kind: this.#profile.kind, authority_id: id, state, fix: error.fix };
      this.#deps.logger
        .child({ type: "audit" })
        .warn(
          { ...fields, ...errorFields(error) },
          "the private key of an authority in use is lost; another authority takes its place",
        );
    }
  }

  async #take(view: AuthorityView): Promise<void> {
    const record = view.records.find(({ state, serverId }) => state === "active" && serverId === view.serverId);
    if (record === undefined || view.keys.get(record.keyId) !== true) {
      this.#active = undefined;
      return;
    }
    if (this.#active?.record.keyId === record.keyId) return;
    const { keyManager } = this.#deps;
    this.#active = {
      record,
      signer: await keyManager.signer(record.keyId),
      localKey: await keyManager.localKey(record.keyId),
    };
  }

  async #apply(action: WorkingAction, view: AuthorityView): Promise<void> {
    switch (action.kind) {
      case "begin":
        return this.#begin(view);
      case "publish":
        return this.#publish(view, action);
      case "activate":
        return this.#commit(view, {
          put: [this.#move(action.record, "activate"), ...action.retire.map((record) => this.#move(record, "retire"))],
          remove: [],
          bundleEdits: [],
        });
      case "taint":
        return this.#mark(view, action.records, "taint", (record) => this.#profile.taintEdits(record));
      case "revoke":
        return this.#mark(view, action.records, "revoke", (record) =>
          this.#profile.revokeEdits(record, this.#deps.bundle()),
        );
      case "abandon":
        return this.#remove(view, [action.record], "abandon");
      case "prune":
        return this.#remove(view, action.records, "prune");
      case "drop-keys":
        return this.#dropKeys(view, action.keyIds);
    }
  }

  async #begin(view: AuthorityView): Promise<void> {
    const { serverId, clock, random } = this.#deps;
    const now = this.#nowSeconds();
    const record: AuthorityRecord = {
      kind: this.#profile.kind,
      id: this.#profile.provisionalId(random),
      serverId,
      state: "preparing",
      keyId: `${this.#keyPrefix}${uuidV7(clock.now(), random)}`,
      chain: [],
      anchors: [],
      publicKey: new Uint8Array(),
      upstreamId: "",
      issuedAt: now,
      notAfter: 0,
      changedAt: now,
    };
    await this.#commit(view, { put: [record], remove: [], bundleEdits: [] });
  }

  /** The key first, then in one commit its record and its place in the bundle. */
  async #publish(view: AuthorityView, { record, replaces, outlives }: PublishAction): Promise<void> {
    const { keyManager, clock } = this.#deps;
    for (const { state } of replaces) transition(state, "abandon");
    const existing = await this.#unusedKey(view, record.keyId);
    const publicKey = existing ?? (await keyManager.generateKey(record.keyId, this.#profile.keyType));
    const forged = await this.#profile.forge(record, await keyManager.signer(record.keyId));
    if (view.distrustedAbove.has(forged.upstreamId)) {
      const message = `the new CA is under ${forged.upstreamId}, which is tainted or revoked`;
      throw serverErrors.error("ERR_AUTHORITY_MINT_REJECTED", message);
    }
    if (forged.notAfter <= outlives) {
      this.#askAgainAt = this.#nowSeconds() + askingPace(this.#profile.life);
      this.#view = { ...view, keys: new Map([...view.keys, [record.keyId, true]]) };
      return;
    }
    const prepared = { ...this.#move(record, "publish"), ...forged, publicKey: encodeSpki(publicKey) };
    // Others trust it since they have the bundle from above. Forgotten by a restart: then it is waited for, as for any.
    if (isWellKnown(forged, this.#deps.bundle())) this.#wellKnown.add(forged.id);
    await this.#commit(
      { ...view, keys: new Map([...view.keys, [record.keyId, true]]) },
      {
        put: [prepared],
        remove: [record, ...replaces].map(keyOf).filter((key) => key !== keyOf(prepared)),
        bundleEdits: [
          ...replaces.flatMap((old) => this.#profile.withdrawEdits(old, clock.now())),
          ...this.#profile.publishEdits(prepared, view.distrustedAbove),
        ],
      },
    );
  }

  /** The key of an attempt that went no further: it has signed nothing that was published, so it can be used. */
  async #unusedKey(view: AuthorityView, keyId: string): Promise<KeyObject | undefined> {
    if (!view.keys.has(keyId)) return undefined;
    const existing = await this.#deps.keyManager.publicKey(keyId);
    return existing !== undefined && publicKeyType(existing) === this.#profile.keyType ? existing : undefined;
  }

  async #mark(
    view: AuthorityView,
    records: readonly AuthorityRecord[],
    event: "taint" | "revoke",
    edits: (record: AuthorityRecord) => AuthorityCommit["bundleEdits"],
  ): Promise<void> {
    const put = records.map((record) => this.#move(record, event));
    await this.#commit(view, { put, remove: [], bundleEdits: records.flatMap(edits) });
  }

  async #remove(view: AuthorityView, records: readonly AuthorityRecord[], event: AuthorityEvent): Promise<void> {
    for (const { serverId, state } of records) if (serverId === view.serverId) transition(state, event);
    await this.#commit(view, {
      put: [],
      remove: records.map(keyOf),
      bundleEdits: records.flatMap((record) => this.#profile.withdrawEdits(record, this.#deps.clock.now())),
    });
    // Once a life: what other servers wrote since, and may have left behind, is seen here.
    this.#isStale = true;
  }

  async #dropKeys(view: AuthorityView, keyIds: readonly string[]): Promise<void> {
    for (const keyId of keyIds) await this.#deps.keyManager.deleteKey(keyId);
    this.#view = { ...view, keys: new Map([...view.keys].filter(([keyId]) => !keyIds.includes(keyId))) };
  }

  #move(record: AuthorityRecord, event: AuthorityEvent): AuthorityRecord {
    const state = transition(record.state, event);
    return { ...record, state: stays(state), changedAt: this.#nowSeconds() };
  }

  async #commit(view: AuthorityView, commit: AuthorityCommit): Promise<void> {
    await this.#deps.commit(commit);
    const replaced = new Set([...commit.put.map(keyOf), ...commit.remove]);
    const records = [...view.records.filter((record) => !replaced.has(keyOf(record))), ...commit.put];
    this.#view = { ...view, records };
    for (const { state, id, notAfter } of commit.put) {
      this.#deps.logger.info(
        { authority_kind: this.#profile.kind, authority_id: id, state, not_after: notAfter },
        "authority changed state",
      );
    }
    await this.#take(this.#view);
  }

  #nowSeconds(): number {
    return Math.floor(this.#deps.clock.now() / 1000);
  }
}

function keyOf({ kind, id }: AuthorityRecord): string {
  return `${kind}/${id}`;
}

function isWellKnown({ upstreamId, anchors }: ForgedAuthority, { x509Authorities }: SpiffeBundle): boolean {
  const known = x509Authorities.map(({ certificate }) => certificate.der);
  return upstreamId !== "" && anchors.every((anchor) => known.some((der) => Buffer.compare(der, anchor) === 0));
}

function stays(state: AuthorityState | "gone"): AuthorityState {
  if (state === "gone") throw new TypeError("the record is removed, not changed");
  return state;
}
