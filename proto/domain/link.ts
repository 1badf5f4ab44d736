import type { SpiffeBundle, SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import type { RegistrationEntry } from "./entry.ts";

/**
 * The `Link`: every message between an agent and its server as domain values. The agent is written against it;
 * one adapter speaks gRPC, another calls a server in the same process (simulation on virtual time). A method
 * rejects with `ServiceError` when the server refused, whatever the adapter.
 */
export interface ServerLink {
  /**
   * Node attestation over a connection without client certificate. `answer` is called per challenge.
   * The server was verified before the payload left (design §4 TLS).
   */
  attest(request: AttestRequest): Promise<AttestResult>;
  /** Own trust domain's bundle. Allowed to anybody. */
  getBundle(options?: CallOptions): Promise<SpiffeBundle>;
  /** A new SVID for the calling agent; the old one stays valid until the new one is first used. */
  renewAgent(csrDer: Uint8Array, options?: CallOptions): Promise<IssuedX509Svid>;
  /** Results are in the order of `params`, one each. */
  batchNewX509Svid(params: readonly NewX509SvidParams[], options?: CallOptions): Promise<readonly IssueResult[]>;
  newJwtSvid(entryId: string, audience: readonly string[], options?: CallOptions): Promise<IssuedJwtSvid>;
  postStatus(agentVersion: string, options?: CallOptions): Promise<void>;
  /** Opens the push stream. `ERR_UNIMPLEMENTED` when the server has no sync service. */
  openSync(hello: SyncHello, options?: CallOptions): SyncStream;
  /** For servers without sync service; absent where every server has one. */
  readonly polling?: PollingLink;
  /**
   * Tells the link that the agent's identity changed (renewed): later calls use a new connection. The old
   * connection is closed once its calls are over.
   */
  identityChanged(): void;
  close(): Promise<void>;
}

/** What a server without sync service is asked instead, again and again: SPIRE's RPCs. */
export interface PollingLink {
  /**
   * The entries that the calling agent may serve, compared with those it knows; only what is new is transferred.
   * `onAccepted` is called once the server has begun to answer, thus accepted the agent.
   */
  authorizedEntries(
    known: KnownRevisions,
    options?: CallOptions & { readonly onAccepted?: () => void },
  ): Promise<AuthorizedEntries>;
  /** `undefined`: the server has none of this trust domain. */
  federatedBundle(trustDomain: TrustDomain, options?: CallOptions): Promise<SpiffeBundle | undefined>;
}

export type EntryRevision = Pick<RegistrationEntry, "id" | "revisionNumber" | "createdAt">;
export type KnownRevisions = (entryId: string) => EntryRevision | undefined;

export interface AuthorizedEntries {
  /** Of the whole set. */
  readonly ids: ReadonlySet<string>;
  /** Those of it that are not known, or are another revision. */
  readonly changed: readonly RegistrationEntry[];
  /** Those of it that make no sense, and why. */
  readonly unreadable: readonly { readonly id: string; readonly error: Error }[];
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

export interface AttestRequest extends CallOptions {
  /** Attestor name, e.g. `join_token`. */
  readonly type: string;
  readonly payload: Uint8Array;
  readonly csrDer: Uint8Array;
  readonly answer: (challenge: Uint8Array) => Promise<Uint8Array>;
}

export interface AttestResult {
  readonly svid: IssuedX509Svid;
  readonly canReattest: boolean;
}

export interface IssuedX509Svid {
  readonly id: SpiffeId;
  /** DER, leaf first, no trust anchors. */
  readonly chain: readonly Uint8Array[];
  /** Unix seconds. */
  readonly expiresAt: number;
  readonly hint: string;
}

export interface IssuedJwtSvid {
  readonly id: SpiffeId;
  readonly token: string;
  /** Unix seconds. */
  readonly issuedAt: number;
  /** Unix seconds. */
  readonly expiresAt: number;
  readonly hint: string;
}

export interface NewX509SvidParams {
  readonly entryId: string;
  readonly csrDer: Uint8Array;
}

export type IssueResult =
  | { readonly kind: "issued"; readonly svid: IssuedX509Svid }
  /** `code` is the gRPC status number. */
  | { readonly kind: "refused"; readonly code: number; readonly message: string };

/** A place in the server's change feed. Opaque to the agent apart from equality. */
export interface Position {
  readonly epoch: string;
  readonly n: number;
}

export const resourceTypes = ["entry", "bundle", "distrust", "config"] as const;
export type ResourceType = (typeof resourceTypes)[number];

export interface SyncHello {
  readonly protocol: number;
  readonly capabilities: readonly string[];
  readonly held: readonly { readonly type: ResourceType; readonly position: Position }[];
  readonly agentVersion: string;
}

export interface SyncStream {
  /** Ends when the server ends it; throws `ServiceError` with the server's reason. */
  readonly messages: AsyncIterable<SyncMessage>;
  send(message: SyncAck | SyncStatus): void;
  close(): void;
}

export type SyncMessage = SyncWelcome | SyncPage;

export interface SyncWelcome {
  readonly kind: "welcome";
  readonly protocol: number;
  readonly capabilities: readonly string[];
  readonly serverVersion: string;
  readonly serverId: string;
}

export interface SyncPage {
  readonly kind: "page";
  readonly type: ResourceType;
  readonly snapshotStart: boolean;
  readonly last: boolean;
  readonly position: Position;
  readonly resources: readonly SyncResource[];
  readonly removed: readonly string[];
  /** Lower-case hex; see sync.proto. */
  readonly digest: string | undefined;
}

export type SyncResource =
  | { readonly kind: "entry"; readonly entry: RegistrationEntry }
  | { readonly kind: "bundle"; readonly bundle: SpiffeBundle }
  | SyncDistrust
  | { readonly kind: "config"; readonly statusIntervalSeconds: number };

/** What the authority signed is to be replaced, at a moment within `spreadMs` that the agent picks. */
export interface SyncDistrust {
  readonly kind: "distrust";
  readonly authorityId: string;
  readonly authority: "x509" | "jwt";
  readonly spreadMs: number;
}

export interface SyncAck {
  readonly kind: "ack";
  readonly type: ResourceType;
  readonly position: Position;
  /** Type "entry": no servable SVID yet. Type "distrust": the SVID still rests on a distrusted authority. */
  readonly pendingEntryIds: readonly string[];
}

export interface SyncStatus {
  readonly kind: "status";
  readonly x509Svids: number;
  readonly jwtSvids: number;
  readonly workloadStreams: number;
}
