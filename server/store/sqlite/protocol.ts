import type { SvidUse } from "../ports.ts";

/**
 * What crosses the border to the engine: plain data only, so that it can be cloned to another thread. Rows are tuples
 * (half the price of objects to clone) of SQLite's own types; booleans are 0 and 1, lists are JSON text or arrays.
 */
export type Bit = 0 | 1;

export type EntryRow = readonly [
  id: string,
  spiffeId: string,
  parentId: string,
  /** JSON array of `type:value`, sorted. */
  selectors: string,
  x509SvidTtl: number,
  jwtSvidTtl: number,
  /** JSON array of trust domain names, sorted. */
  federatesWith: string,
  admin: Bit,
  downstream: Bit,
  expiresAt: number,
  /** JSON array. */
  dnsNames: string,
  revisionNumber: number,
  storeSvid: Bit,
  hint: string,
  createdAt: number,
  /** JSON object, or null when the entry has none. */
  additionalAttributes: string | null,
];

/** `undefined` = keep what is stored. */
export interface EntryRowChange {
  readonly spiffeId?: string;
  readonly parentId?: string;
  readonly selectors?: string;
  readonly x509SvidTtl?: number;
  readonly jwtSvidTtl?: number;
  readonly federatesWith?: string;
  readonly admin?: Bit;
  readonly downstream?: Bit;
  readonly expiresAt?: number;
  readonly dnsNames?: string;
  readonly storeSvid?: Bit;
  readonly hint?: string;
  readonly additionalAttributes?: string | null;
}

export type NodeRow = readonly [
  id: string,
  attestationType: string,
  selectors: string,
  serialNumber: string,
  expiresAt: number,
  pendingSerialNumber: string,
  pendingExpiresAt: number,
  banned: Bit,
  canReattest: Bit,
  agentVersion: string,
  authorityId: string,
  seenAt: number,
  syncs: Bit,
];

export type X509AuthorityRow = readonly [certificate: Uint8Array, subjectKeyId: string, tainted: Bit];
export type JwtAuthorityRow = readonly [keyId: string, publicKey: Uint8Array, expiresAt: number, tainted: Bit];

export type BundleRow = readonly [
  trustDomain: string,
  /** Decimal; null when the bundle has none. */
  sequenceNumber: string | null,
  refreshHint: number | null,
  x509: readonly X509AuthorityRow[],
  jwt: readonly JwtAuthorityRow[],
];

export type AuthorityRow = readonly [
  kind: string,
  id: string,
  serverId: string,
  state: string,
  keyId: string,
  publicKey: Uint8Array,
  upstreamId: string,
  issuedAt: number,
  notAfter: number,
  changedAt: number,
  chain: readonly Uint8Array[],
  anchors: readonly Uint8Array[],
];

/** `null` is a tombstone. */
export type FederationRow = readonly [
  trustDomain: string,
  bundleEndpointUrl: string,
  profile: string,
  /** Of the profile https_spiffe; null with every other. */
  endpointSpiffeId: string | null,
];

export type RowItem =
  | readonly [type: "entry", key: string, row: EntryRow | null]
  | readonly [type: "node", key: string, row: NodeRow | null]
  | readonly [type: "bundle", key: string, row: BundleRow | null]
  | readonly [type: "federation", key: string, row: FederationRow | null]
  | readonly [type: "authority", key: string, row: AuthorityRow | null];

export type RowType = RowItem[0];

export interface RowChange {
  readonly n: number;
  readonly item: RowItem;
}

export interface RowPosition {
  readonly epoch: string;
  readonly n: number;
}

export type RowFeedPage =
  | { readonly kind: "changes"; readonly changes: readonly RowChange[]; readonly head: RowPosition }
  | { readonly kind: "horizon"; readonly head: RowPosition };

/** A created entry is not sent back: the caller has it. */
export type CreateEntryAnswer =
  | { readonly kind: "created"; readonly n: number }
  | { readonly kind: "similar"; readonly row: EntryRow }
  | { readonly kind: "id-taken"; readonly row: EntryRow }
  | { readonly kind: "no-bundle"; readonly trustDomain: string };

export type UpdateEntryAnswer =
  | { readonly kind: "updated"; readonly n: number; readonly row: EntryRow }
  | { readonly kind: "not-found" }
  | { readonly kind: "no-bundle"; readonly trustDomain: string };

export type CreateBundleAnswer =
  | { readonly kind: "created"; readonly row: BundleRow }
  | { readonly kind: "exists"; readonly row: BundleRow };

export type UpdateBundleAnswer = { readonly kind: "updated"; readonly row: BundleRow } | { readonly kind: "not-found" };

export type DeleteBundleAnswer =
  | { readonly kind: "deleted"; readonly entries: number }
  | { readonly kind: "in-use"; readonly entries: number }
  | { readonly kind: "not-found" };

export type AppendBundleAnswer =
  | { readonly kind: "appended"; readonly row: BundleRow }
  | { readonly kind: "full" }
  | { readonly kind: "key-id-taken"; readonly keyId: string };

/** `undefined` = keep what is stored; null = none. */
export interface BundleRowUpdate {
  readonly sequenceNumber?: string | null;
  readonly refreshHint?: number | null;
  readonly x509?: readonly X509AuthorityRow[];
  readonly jwt?: readonly JwtAuthorityRow[];
}

export type CreateFederationAnswer =
  | { readonly kind: "created"; readonly row: FederationRow }
  | { readonly kind: "exists"; readonly row: FederationRow };

export type UpdateFederationAnswer =
  | { readonly kind: "updated"; readonly row: FederationRow }
  | { readonly kind: "not-found" };

/** `undefined` = keep what is stored. */
export interface FederationRowChange {
  readonly bundleEndpointUrl?: string;
  readonly profile?: readonly [profile: string, endpointSpiffeId: string | null];
}

export interface Changed<T> {
  readonly value: T;
  readonly changes: readonly RowChange[];
}

export type BundleRowEdit =
  | { readonly kind: "add-x509"; readonly certificate: Uint8Array; readonly subjectKeyId: string }
  | { readonly kind: "remove-x509"; readonly certificate: Uint8Array }
  | { readonly kind: "taint-x509"; readonly subjectKeyId: string }
  | { readonly kind: "add-jwt"; readonly keyId: string; readonly publicKey: Uint8Array; readonly expiresAt: number }
  | { readonly kind: "remove-jwt"; readonly keyId: string }
  | { readonly kind: "taint-jwt"; readonly keyId: string };

/** The engine's operations: arguments and answers. `nowMs` stamps tombstones and the journal. */
export interface Operations {
  readonly head: { readonly args: Record<never, never>; readonly answer: RowPosition };
  readonly changesAfter: {
    readonly args: { readonly n: number; readonly limit: number };
    readonly answer: RowFeedPage;
  };
  readonly compact: { readonly args: { readonly beforeMs: number }; readonly answer: null };
  readonly serverId: { readonly args: Record<never, never>; readonly answer: string };

  readonly createEntries: {
    readonly args: { readonly rows: readonly EntryRow[] };
    readonly answer: readonly CreateEntryAnswer[];
  };
  readonly updateEntries: {
    readonly args: { readonly updates: readonly { readonly id: string; readonly change: EntryRowChange }[] };
    readonly answer: readonly UpdateEntryAnswer[];
  };
  readonly deleteEntries: {
    readonly args: { readonly ids: readonly string[]; readonly nowMs: number };
    readonly answer: Changed<readonly boolean[]>;
  };
  readonly findEntry: { readonly args: { readonly id: string }; readonly answer: EntryRow | null };
  readonly deleteExpiredEntries: {
    readonly args: { readonly nowSeconds: number; readonly nowMs: number };
    readonly answer: Changed<number>;
  };

  readonly attestNode: {
    readonly args: { readonly row: NodeRow; readonly joinToken: string | null; readonly nowSeconds: number };
    readonly answer: Changed<"stored" | "not-consumable" | "banned" | "exists">;
  };
  readonly findNode: { readonly args: { readonly id: string }; readonly answer: NodeRow | null };
  readonly setPendingSerial: {
    readonly args: {
      readonly id: string;
      readonly currentSerial: string;
      readonly pendingSerial: string;
      readonly pendingExpiresAt: number;
      readonly use: SvidUse;
    };
    readonly answer: Changed<boolean>;
  };
  readonly promoteSerial: {
    readonly args: { readonly id: string; readonly serial: string; readonly use: SvidUse };
    readonly answer: Changed<boolean>;
  };
  readonly banNode: { readonly args: { readonly id: string }; readonly answer: Changed<boolean> };
  readonly deleteNode: {
    readonly args: { readonly id: string; readonly nowMs: number };
    readonly answer: Changed<boolean>;
  };
  readonly setAgentVersion: {
    readonly args: { readonly id: string; readonly version: string; readonly syncs: boolean };
    readonly answer: Changed<boolean>;
  };

  readonly createJoinToken: {
    readonly args: { readonly value: string; readonly expiresAt: number; readonly alias: EntryRow | null };
    readonly answer: Changed<"created" | "taken">;
  };
  readonly findJoinToken: { readonly args: { readonly value: string }; readonly answer: number | null };
  readonly deleteExpiredJoinTokens: {
    readonly args: { readonly nowSeconds: number; readonly nowMs: number };
    readonly answer: Changed<number>;
  };

  readonly listAuthorities: { readonly args: Record<never, never>; readonly answer: readonly AuthorityRow[] };
  readonly commitAuthorities: {
    readonly args: {
      readonly put: readonly AuthorityRow[];
      readonly remove: readonly string[];
      readonly edits: readonly BundleRowEdit[];
      readonly nowMs: number;
    };
    readonly answer: Changed<BundleRow>;
  };
  readonly findBundle: { readonly args: { readonly trustDomain: string }; readonly answer: BundleRow | null };
  readonly appendBundle: {
    readonly args: { readonly x509: readonly X509AuthorityRow[]; readonly jwt: readonly JwtAuthorityRow[] };
    readonly answer: Changed<AppendBundleAnswer>;
  };

  readonly createBundles: {
    readonly args: { readonly rows: readonly BundleRow[] };
    readonly answer: Changed<readonly CreateBundleAnswer[]>;
  };
  readonly updateBundles: {
    readonly args: { readonly updates: readonly { readonly trustDomain: string; readonly change: BundleRowUpdate }[] };
    readonly answer: Changed<readonly UpdateBundleAnswer[]>;
  };
  readonly setBundles: {
    readonly args: { readonly rows: readonly BundleRow[] };
    readonly answer: Changed<readonly BundleRow[]>;
  };
  readonly deleteBundles: {
    readonly args: {
      readonly trustDomains: readonly string[];
      readonly mode: "restrict" | "delete" | "dissociate";
      readonly nowMs: number;
    };
    readonly answer: Changed<readonly DeleteBundleAnswer[]>;
  };

  readonly createFederations: {
    readonly args: { readonly items: readonly { readonly row: FederationRow; readonly bundle: BundleRow | null }[] };
    readonly answer: Changed<readonly CreateFederationAnswer[]>;
  };
  readonly updateFederations: {
    readonly args: {
      readonly updates: readonly {
        readonly trustDomain: string;
        readonly change: FederationRowChange;
        readonly bundle: BundleRow | null;
      }[];
    };
    readonly answer: Changed<readonly UpdateFederationAnswer[]>;
  };
  readonly deleteFederations: {
    readonly args: { readonly trustDomains: readonly string[]; readonly nowMs: number };
    readonly answer: Changed<readonly boolean[]>;
  };
  readonly findFederation: { readonly args: { readonly trustDomain: string }; readonly answer: FederationRow | null };
}

export type Operation = keyof Operations;
export type Args<K extends Operation> = Operations[K]["args"];
export type Answer<K extends Operation> = Operations[K]["answer"];
export type Handler<K extends Operation> = (args: Args<K>) => Answer<K>;

export interface EngineRequest<K extends Operation = Operation> {
  readonly op: K;
  readonly args: Args<K>;
}

/** Rows of one kind; what follows the columns of a row is the reader's own affair. */
export type SnapshotChunk =
  | { readonly type: "entry"; readonly rows: readonly (readonly [...EntryRow, ...unknown[]])[] }
  | { readonly type: "node"; readonly rows: readonly (readonly [...NodeRow, ...unknown[]])[] }
  | { readonly type: "bundle"; readonly rows: readonly BundleRow[] }
  | { readonly type: "federation"; readonly rows: readonly FederationRow[] }
  | { readonly type: "authority"; readonly rows: readonly AuthorityRow[] };

type StoreFailureCode = "ERR_STORE_CORRUPT" | "ERR_STORE_LOCKED" | "ERR_STORE_SCHEMA_NEWER" | "ERR_STORE_UNAVAILABLE";

export interface StoreFailure {
  readonly code: StoreFailureCode;
  readonly message: string;
}

export type EngineAnswer =
  | { readonly kind: "answer"; readonly value: Answer<Operation> }
  | { readonly kind: "failure"; readonly failure: StoreFailure };
