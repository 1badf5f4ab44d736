/**
 * What the server asks of its store (style H24: small ports, declared for their consumers; one adapter implements
 * all). Every method is asynchronous and durable when it resolves. Every mutation takes the next number of the one
 * feed in its own transaction, so numbers appear in commit order without gaps.
 *
 * Rejections: `ERR_STORE_UNAVAILABLE` (nothing was changed, or it is unknown whether it was: callers treat it as
 * "not acknowledged").
 */
import type { AttestedNode, JoinToken } from "../../proto/domain/agent.ts";
import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { FederationRelationship } from "../../proto/domain/federation.ts";
import type { Position } from "../../proto/domain/link.ts";
import type {
  JwtAuthority,
  SpiffeBundle,
  SpiffeBundleParts,
  SpiffeId,
  TrustDomain,
  X509Authority,
} from "../../spiffe/index.ts";
import type { AuthorityRecord } from "../domain/authority.ts";

// ---- feed -------------------------------------------------------------------------------------------------

export type FeedItem =
  | { readonly type: "entry"; readonly key: string; readonly value: RegistrationEntry | undefined }
  /** key = agent SPIFFE ID. */
  | { readonly type: "node"; readonly key: string; readonly value: AttestedNode | undefined }
  /** key = trust domain name. */
  | { readonly type: "bundle"; readonly key: string; readonly value: SpiffeBundle | undefined }
  /** key = trust domain name. */
  | { readonly type: "federation"; readonly key: string; readonly value: FederationRelationship | undefined }
  /** key = `<kind>/<id>`. */
  | { readonly type: "authority"; readonly key: string; readonly value: AuthorityRecord | undefined };

/** `value: undefined` is a tombstone. */
export type Change = FeedItem & { readonly n: number };

export interface Feed {
  /** Store epoch and number of the newest change. */
  head(): Promise<Position>;
  /**
   * Up to `limit` changes after `n`, ascending, superseded ones left out (only the newest state per key is kept, under
   * its newest number). `kind: "horizon"` when `n` lies before the compaction horizon: take a snapshot instead.
   */
  changesAfter(n: number, limit: number): Promise<FeedPage>;
  /** The whole current state in chunks, then the position it is consistent with. One read transaction. */
  snapshot(onChunk: (items: readonly FeedItem[]) => void): Promise<Position>;
  /** Called after each commit made through this store, in order, with the changes it made. Returns the unsubscriber. */
  onChanges(listener: (changes: readonly Change[]) => void): () => void;
  /** Drops tombstones of changes older than `beforeMs` (Unix ms) and raises the horizon. */
  compact(beforeMs: number): Promise<void>;
}

export type FeedPage =
  | { readonly kind: "changes"; readonly changes: readonly Change[]; readonly head: Position }
  | { readonly kind: "horizon"; readonly head: Position };

// ---- entries ----------------------------------------------------------------------------------------------

/** A validated entry without what the store sets (revision, created_at). `id` is already chosen. */
export type NewEntry = Omit<RegistrationEntry, "revisionNumber" | "createdAt">;

export type CreateEntryOutcome =
  | { readonly kind: "created"; readonly entry: RegistrationEntry }
  /** Same spiffe_id, parent_id and selector set: the existing one. */
  | { readonly kind: "similar"; readonly entry: RegistrationEntry }
  /** The id is taken by another entry. */
  | { readonly kind: "id-taken"; readonly entry: RegistrationEntry }
  /** `federatesWith` names a trust domain without a stored bundle. */
  | { readonly kind: "no-bundle"; readonly trustDomain: string };

export type UpdateEntryOutcome =
  | { readonly kind: "updated"; readonly entry: RegistrationEntry }
  | { readonly kind: "not-found" }
  | { readonly kind: "no-bundle"; readonly trustDomain: string };

export interface EntryStore {
  /** One transaction for all; outcomes in order. `createdAt` is set to `nowSeconds`. */
  createEntries(entries: readonly NewEntry[], nowSeconds: number): Promise<readonly CreateEntryOutcome[]>;
  /** `change` is applied to the stored entry: fields present replace. Revision +1. */
  updateEntries(
    updates: readonly { readonly id: string; readonly change: Partial<NewEntry> }[],
  ): Promise<readonly UpdateEntryOutcome[]>;
  /** True where an entry was deleted. */
  deleteEntries(ids: readonly string[]): Promise<readonly boolean[]>;
  /** From the primary store, for bad news that needs proof. */
  findEntry(id: string): Promise<RegistrationEntry | undefined>;
  /** Deletes entries whose `expiresAt` is not 0 and ≤ `nowSeconds`; returns how many. */
  deleteExpiredEntries(nowSeconds: number): Promise<number>;
}

// ---- nodes ------------------------------------------------------------------------------------------------

/** What an attestation uses up; consumed in the transaction that stores the node. */
export type Consumable = { readonly kind: "join-token"; readonly value: string };

export interface NodeAttestation {
  readonly node: AttestedNode;
  readonly consume: Consumable | undefined;
  readonly nowSeconds: number;
}

export type AttestOutcome =
  | { readonly kind: "stored" }
  /** The consumable was gone or expired: nothing was stored. */
  | { readonly kind: "not-consumable" }
  | { readonly kind: "banned" }
  /** A node of that id exists and may not attest again. */
  | { readonly kind: "exists" };

/** An agent's SVID in use: under which trust anchor it verified, and when (Unix seconds). */
export interface SvidUse {
  /** Lower-case hex subject key id. */
  readonly authorityId: string;
  readonly seenAt: number;
}

export interface NodeStore {
  attestNode(attestation: NodeAttestation): Promise<AttestOutcome>;
  /** From the primary store, for bad news that needs proof. */
  findNode(id: SpiffeId): Promise<AttestedNode | undefined>;
  /**
   * Records a renewed SVID that was not used yet. False when the node is gone, banned, or `currentSerial` is neither
   * current nor pending; `use` is of that one.
   */
  setPendingSerial(
    id: SpiffeId,
    currentSerial: string,
    pendingSerial: string,
    pendingExpiresAt: number,
    use: SvidUse,
  ): Promise<boolean>;
  /** The pending serial was seen in use: it becomes current. No-op when it is current already. False when it is neither. */
  promoteSerial(id: SpiffeId, serial: string, use: SvidUse): Promise<boolean>;
  /** False when unknown. Clears both serials, keeps the row. */
  banNode(id: SpiffeId): Promise<boolean>;
  /** False when unknown. Also deletes the join-token alias entry of that agent. */
  deleteNode(id: SpiffeId): Promise<boolean>;
  /** `syncs` marks the node for good. */
  setAgentVersion(id: SpiffeId, version: string, syncs: boolean): Promise<boolean>;
}

export interface JoinTokenStore {
  /** `alias`: entry created together with the token. `taken` when the value exists (used-up tokens are gone). */
  createJoinToken(
    token: JoinToken,
    alias: NewEntry | undefined,
    nowSeconds: number,
  ): Promise<{ readonly kind: "created" } | { readonly kind: "taken" }>;
  /** Without consuming; for checks before the node is stored. */
  findJoinToken(value: string): Promise<JoinToken | undefined>;
  deleteExpiredJoinTokens(nowSeconds: number): Promise<number>;
}

// ---- authorities and bundles ------------------------------------------------------------------------------

export interface AuthorityStore {
  /** All records of all servers, by (kind, issuedAt, id). */
  listAuthorities(): Promise<readonly AuthorityRecord[]>;
  /**
   * One transaction: writes `put` (insert or replace by kind and id), removes `remove` (kind/id keys), and edits the
   * own trust domain's bundle by `editBundle` (from its current state; created when missing). The bundle's sequence
   * number grows by one when its authorities change, and not otherwise.
   */
  commitAuthorities(commit: AuthorityCommit): Promise<SpiffeBundle>;
}

export interface AuthorityCommit {
  readonly put: readonly AuthorityRecord[];
  readonly remove: readonly string[];
  /** Applied inside the transaction, in this order; adding what is there and removing what is not are no-ops. */
  readonly bundleEdits: readonly BundleEdit[];
}

export type BundleEdit =
  | { readonly kind: "add-x509"; readonly certificateDer: Uint8Array }
  | { readonly kind: "remove-x509"; readonly certificateDer: Uint8Array }
  | { readonly kind: "taint-x509"; readonly subjectKeyId: string }
  | { readonly kind: "add-jwt"; readonly keyId: string; readonly publicKey: Uint8Array; readonly expiresAt: number }
  | { readonly kind: "remove-jwt"; readonly keyId: string }
  | { readonly kind: "taint-jwt"; readonly keyId: string };

export interface BundleStore {
  /** From the primary store, for bad news that needs proof. */
  findBundle(trustDomain: TrustDomain): Promise<SpiffeBundle | undefined>;
}

export type AppendBundleOutcome =
  | { readonly kind: "appended"; readonly bundle: SpiffeBundle }
  /** It would have more authorities, or bytes of them, than a bundle may (server/limits.ts). */
  | { readonly kind: "full" }
  /** Another key has that id. */
  | { readonly kind: "key-id-taken"; readonly keyId: string };

export interface OwnBundleStore {
  /**
   * All of it or nothing. What is in the own trust domain's bundle already is left alone; when something is added, the
   * sequence number grows by one.
   */
  appendBundle(authorities: {
    readonly x509Authorities: readonly X509Authority[];
    readonly jwtAuthorities: readonly JwtAuthority[];
  }): Promise<AppendBundleOutcome>;
}

// ---- federation -------------------------------------------------------------------------------------------

export type CreateBundleOutcome =
  | { readonly kind: "created"; readonly bundle: SpiffeBundle }
  | { readonly kind: "exists"; readonly bundle: SpiffeBundle };

export type UpdateBundleOutcome =
  | { readonly kind: "updated"; readonly bundle: SpiffeBundle }
  | { readonly kind: "not-found" };

/** What becomes of entries that federate with a trust domain whose bundle is deleted. */
export const bundleDeleteModes = ["restrict", "delete", "dissociate"] as const;
export type BundleDeleteMode = (typeof bundleDeleteModes)[number];

export type DeleteBundleOutcome =
  /** `entries`: how many were deleted, or no longer federate with it. */
  | { readonly kind: "deleted"; readonly entries: number }
  /** Mode "restrict", and so many entries federate with it. */
  | { readonly kind: "in-use"; readonly entries: number }
  | { readonly kind: "not-found" };

/**
 * Bundles of other trust domains; the own one is refused (TypeError). Each method is one transaction for all items,
 * outcomes in order. What is written as it was takes no number of the feed.
 */
export interface FederatedBundleStore {
  createBundles(bundles: readonly SpiffeBundle[]): Promise<readonly CreateBundleOutcome[]>;
  /** Parts present replace; an explicit `undefined` removes. */
  updateBundles(
    updates: readonly { readonly trustDomain: TrustDomain; readonly change: SpiffeBundleParts }[],
  ): Promise<readonly UpdateBundleOutcome[]>;
  /** Creates or replaces. The bundles as stored. */
  setBundles(bundles: readonly SpiffeBundle[]): Promise<readonly SpiffeBundle[]>;
  /** The entries concerned change in the same transaction; those that no longer federate get a new revision. */
  deleteBundles(trustDomains: readonly TrustDomain[], mode: BundleDeleteMode): Promise<readonly DeleteBundleOutcome[]>;
}

export type CreateFederationOutcome =
  | { readonly kind: "created"; readonly relationship: FederationRelationship }
  | { readonly kind: "exists"; readonly relationship: FederationRelationship };

export type UpdateFederationOutcome =
  | { readonly kind: "updated"; readonly relationship: FederationRelationship }
  | { readonly kind: "not-found" };

/** One transaction for all items, outcomes in order. A `bundle` is set with its relationship, or not at all. */
export interface FederationStore {
  createFederations(
    items: readonly { readonly relationship: FederationRelationship; readonly bundle: SpiffeBundle | undefined }[],
  ): Promise<readonly CreateFederationOutcome[]>;
  /** Fields present replace. */
  updateFederations(
    updates: readonly {
      readonly trustDomain: TrustDomain;
      readonly change: Partial<Omit<FederationRelationship, "trustDomain">>;
      readonly bundle: SpiffeBundle | undefined;
    }[],
  ): Promise<readonly UpdateFederationOutcome[]>;
  /** True where one was deleted. Bundles stay. */
  deleteFederations(trustDomains: readonly TrustDomain[]): Promise<readonly boolean[]>;
  /** From the primary store, for bad news that needs proof. */
  findFederation(trustDomain: TrustDomain): Promise<FederationRelationship | undefined>;
}

/** Everything; what `main` opens. `close` waits for the writes that were accepted. */
export interface Store
  extends Feed,
    EntryStore,
    NodeStore,
    JoinTokenStore,
    AuthorityStore,
    BundleStore,
    OwnBundleStore,
    FederatedBundleStore,
    FederationStore,
    AsyncDisposable {
  /** Drawn once per server instance's data directory; kept in the store's `servers` table. */
  serverId(): Promise<string>;
  /** A cheap read; rejects when the store is not usable. */
  check(): Promise<void>;
}
