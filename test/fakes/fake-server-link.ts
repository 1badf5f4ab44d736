import { Certificate } from "../../certs/index.ts";
import { EntrySetDigest } from "../../proto/domain/digest.ts";
import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type {
  AttestRequest,
  AttestResult,
  AuthorizedEntries,
  IssuedJwtSvid,
  IssuedX509Svid,
  IssueResult,
  KnownRevisions,
  NewX509SvidParams,
  PollingLink,
  Position,
  ResourceType,
  ServerLink,
  SyncAck,
  SyncHello,
  SyncMessage,
  SyncPage,
  SyncResource,
  SyncStatus,
  SyncStream,
} from "../../proto/domain/link.ts";
import { type Clock, type Random, uuidV7 } from "../../runtime/core/index.ts";
import { type SpiffeBundle, SpiffeId, type TrustDomain } from "../../spiffe/index.ts";
import {
  commonErrors,
  defineErrors,
  type PermissionDeniedReason,
  type ServiceError,
  transportErrors,
} from "../../transport/index.ts";
import { FakeIssuer } from "./fake-issuer.ts";
import { SpireEntries } from "./spire-entries.ts";

const serverErrors = defineErrors({
  ERR_FAKE_DENIED: { status: "permissionDenied", meaning: "The agent is refused.", fix: "see the reason" },
  ERR_FAKE_TOKEN: { status: "invalidArgument", meaning: "The token is no good.", fix: "another token" },
  ERR_FAKE_NO_SYNC: { status: "unimplemented", meaning: "There is no such service.", fix: "poll" },
  ERR_FAKE_BUSY: { status: "resourceExhausted", meaning: "Too much at once.", fix: "less at once" },
});

interface FakeNode {
  readonly id: SpiffeId;
  serial: string;
  pendingSerial: string;
  isBanned: boolean;
  canReattest: boolean;
}

interface Change {
  readonly n: number;
  readonly type: ResourceType;
  readonly key: string;
  /** `undefined` = removed. */
  readonly resource: SyncResource | undefined;
}

/** What the link needs of the agent's side. */
interface Dialler {
  identity(): { readonly chain: readonly Uint8Array[] } | undefined;
}

/**
 * A whole server behind the `ServerLink` port: real certificates on virtual time, one feed, nodes with serials, and
 * switches for everything that goes wrong.
 */
export class FakeServer {
  readonly clock: Clock;
  readonly issuer: FakeIssuer;
  readonly #random: Random;
  readonly nodes = new Map<string, FakeNode>();
  readonly tokens = new Set<string>();
  readonly #changes: Change[] = [];
  readonly #streams = new Set<FakeStream>();
  readonly entries = new Map<string, RegistrationEntry>();
  epoch = "epoch-1";
  #n = 0;

  /** Nothing answers. */
  isDown = false;
  /** The stream answers, signing does not. */
  isSigningDown = false;
  isSigningLimited = false;
  /** The stream answers, renewing the agent's own SVID does not. */
  isRenewingDown = false;
  agentTtl = 3600;
  x509Ttl = 3600;
  jwtTtl = 300;
  canReattest = false;
  pageSize = 100;
  /** Has a sync service; otherwise agents must poll. */
  pushes = true;
  polls = 0;
  attestMs = 0;
  /** Every agent is refused for this reason. */
  refuses: PermissionDeniedReason | undefined;
  readonly spire = new SpireEntries();
  /** Trust domains whose bundles cannot be fetched. */
  readonly failingBundles = new Set<string>();
  readonly #bundles = new Map<string, SpiffeBundle>();
  /** Refuses batches above this. */
  maxBatch = 500;
  /** Entry ids that are refused. */
  readonly refused = new Set<string>();
  /** Spoils the digest of this many of the coming last pages. */
  spoilDigests = 0;
  /** Signs with this SPIFFE ID instead of the entry's. */
  wrongId: SpiffeId | undefined;
  readonly log: string[] = [];
  readonly acks: SyncAck[] = [];
  readonly statuses: SyncStatus[] = [];
  readonly hellos: SyncHello[] = [];
  readonly batchSizes: number[] = [];

  private constructor(clock: Clock, random: Random, issuer: FakeIssuer) {
    this.clock = clock;
    this.#random = random;
    this.issuer = issuer;
  }

  static async create(trustDomain: TrustDomain, clock: Clock, random: Random): Promise<FakeServer> {
    const server = new FakeServer(clock, random, await FakeIssuer.create(trustDomain, random, clock.now()));
    server.#record("bundle", trustDomain.name, { kind: "bundle", bundle: server.issuer.bundle() });
    return server;
  }

  get streams(): number {
    return this.#streams.size;
  }

  putEntry(entry: Omit<Partial<RegistrationEntry>, "spiffeId"> & { readonly spiffeId: string }): RegistrationEntry {
    const id = entry.id ?? uuidV7(this.clock.now(), this.#random);
    const before = this.entries.get(id);
    const parentId = SpiffeId.of(this.issuer.trustDomain, "/spire/server");
    const defaults = {
      parentId,
      selectors: [],
      x509SvidTtl: 0,
      jwtSvidTtl: 0,
      federatesWith: [],
      admin: false,
      downstream: false,
      expiresAt: 0,
      dnsNames: [],
      storeSvid: false,
      hint: "",
      createdAt: Math.floor(this.clock.now() / 1000),
      additionalAttributes: undefined,
      ...before,
    };
    const revisionNumber = before === undefined ? 0 : before.revisionNumber + 1;
    const full = { ...defaults, ...entry, id, revisionNumber, spiffeId: SpiffeId.parse(entry.spiffeId) };
    this.entries.set(id, full);
    this.#record("entry", id, { kind: "entry", entry: full });
    return full;
  }

  deleteEntry(id: string): void {
    this.entries.delete(id);
    this.#record("entry", id, undefined);
  }

  async rotateCa(): Promise<void> {
    await this.issuer.rotate(this.clock.now());
    const bundle = this.issuer.bundle();
    this.#bundles.delete(bundle.trustDomain.name);
    this.#record("bundle", bundle.trustDomain.name, { kind: "bundle", bundle });
  }

  putBundle(bundle: SpiffeBundle): void {
    this.#bundles.set(bundle.trustDomain.name, bundle);
    this.#record("bundle", bundle.trustDomain.name, { kind: "bundle", bundle });
  }

  distrust(authority: "x509" | "jwt", authorityId: string): void {
    this.#record("distrust", authorityId, { kind: "distrust", authority, authorityId, spreadMs: 0 });
  }

  ban(id: SpiffeId): void {
    const node = this.nodes.get(id.toString());
    if (node === undefined) throw new Error("no such node");
    node.isBanned = true;
    node.serial = "";
    node.pendingSerial = "";
    this.#endStreamsOf(id, denied("agentBanned"));
  }

  evict(id: SpiffeId): void {
    this.nodes.delete(id.toString());
    this.#endStreamsOf(id, denied("agentNotAttested"));
  }

  /** Ends the agent's streams with a refusal; what it does next is judged as usual. */
  refuseStreams(id: SpiffeId, reason: PermissionDeniedReason): void {
    this.#endStreamsOf(id, denied(reason));
  }

  /** Every connection breaks. */
  dropConnections(): void {
    for (const stream of [...this.#streams]) stream.end(lost());
  }

  goDown(): void {
    this.isDown = true;
    this.dropConnections();
  }

  link(dialler: Dialler): ServerLink {
    return new FakeLink(this, dialler);
  }

  /** Called by links. */
  attest(request: AttestRequest): AttestResult {
    this.log.push("attest");
    const token = Buffer.from(request.payload).toString("utf8");
    const id = SpiffeId.of(this.issuer.trustDomain, `/spire/agent/join_token/${token}`);
    const node = this.nodes.get(id.toString());
    if (node?.isBanned === true) throw denied("agentBanned");
    const isKnown = this.canReattest || this.tokens.delete(token);
    if (!isKnown) throw serverErrors.error("ERR_FAKE_TOKEN", "join token does not exist or has already been used");
    const certificate = this.issuer.x509(request.csrDer, id, [], this.clock.now(), this.agentTtl);
    this.nodes.set(id.toString(), {
      id,
      serial: certificate.serialNumber,
      pendingSerial: "",
      isBanned: false,
      canReattest: this.canReattest,
    });
    return { svid: issuedOf(certificate, id, ""), canReattest: this.canReattest };
  }

  renew(serial: string | undefined, csrDer: Uint8Array): IssuedX509Svid {
    const node = this.authenticate(serial);
    this.log.push("renew");
    const certificate = this.issuer.x509(csrDer, node.id, [], this.clock.now(), this.agentTtl);
    node.pendingSerial = certificate.serialNumber;
    return issuedOf(certificate, node.id, "");
  }

  batch(serial: string | undefined, params: readonly NewX509SvidParams[]): readonly IssueResult[] {
    this.authenticate(serial);
    if (this.isSigningDown) throw lost();
    if (params.length > this.maxBatch) throw serverErrors.error("ERR_FAKE_BUSY", "rate exceeds burst size");
    this.log.push("batch");
    this.batchSizes.push(params.length);
    return params.map(({ entryId, csrDer }): IssueResult => {
      const entry = this.entries.get(entryId);
      if (entry === undefined || this.refused.has(entryId)) {
        return { kind: "refused", code: 5, message: "entry not found or not authorized" };
      }
      const id = this.wrongId ?? entry.spiffeId;
      const ttl = entry.x509SvidTtl === 0 ? this.x509Ttl : entry.x509SvidTtl;
      const certificate = this.issuer.x509(csrDer, id, entry.dnsNames, this.clock.now(), ttl);
      return { kind: "issued", svid: issuedOf(certificate, id, entry.hint) };
    });
  }

  jwt(serial: string | undefined, entryId: string, audience: readonly string[]): IssuedJwtSvid {
    this.authenticate(serial);
    if (this.isSigningDown) throw lost();
    if (this.isSigningLimited) {
      const details = [{ kind: "retry", delayMs: 1_700 }] as const;
      throw serverErrors.error("ERR_FAKE_BUSY", "rate limit", { details });
    }
    this.log.push("jwt");
    const entry = this.entries.get(entryId);
    if (entry === undefined) throw serverErrors.error("ERR_FAKE_TOKEN", "entry not found");
    const issuedAt = Math.floor(this.clock.now() / 1000);
    const expiresAt = issuedAt + (entry.jwtSvidTtl === 0 ? this.jwtTtl : entry.jwtSvidTtl);
    const token = this.issuer.jwt(entry.spiffeId, audience, issuedAt, expiresAt);
    return { id: entry.spiffeId, token, issuedAt, expiresAt, hint: entry.hint };
  }

  bundle(trustDomain: TrustDomain): SpiffeBundle | undefined {
    if (this.failingBundles.has(trustDomain.name)) throw lost();
    const own = this.issuer.bundle();
    return this.#bundles.get(trustDomain.name) ?? (own.trustDomain.equals(trustDomain) ? own : undefined);
  }

  poll(serial: string | undefined, known: KnownRevisions): AuthorizedEntries {
    this.authenticate(serial);
    this.polls += 1;
    const changed = [...this.entries.values()].filter((entry) => {
      const held = known(entry.id);
      return held?.revisionNumber !== entry.revisionNumber || held.createdAt !== entry.createdAt;
    });
    return { ids: new Set(this.entries.keys()), changed, unreadable: [] };
  }

  open(serial: string | undefined, hello: SyncHello): SyncStream {
    this.log.push("sync");
    const stream = new FakeStream(
      (message) => (message.kind === "ack" ? this.acks.push(message) : this.statuses.push(message)),
      () => this.#streams.delete(stream),
    );
    try {
      if (this.isDown) throw lost();
      if (!this.pushes) throw serverErrors.error("ERR_FAKE_NO_SYNC", "unknown service");
      stream.agentId = this.authenticate(serial).id;
    } catch (error) {
      stream.end(error);
      return stream;
    }
    this.hellos.push(hello);
    this.#streams.add(stream);
    stream.push({ kind: "welcome", protocol: 1, capabilities: [], serverVersion: "fake", serverId: "fake" });
    for (const type of ["bundle", "distrust", "entry"] as const) {
      const held = hello.held.find((one) => one.type === type)?.position;
      const isKnown = held !== undefined && held.epoch === this.epoch && held.n <= this.#n;
      for (const page of isKnown ? this.#delta(type, held.n) : this.#snapshot(type)) stream.push(page);
    }
    return stream;
  }

  /** First use of a pending serial makes it the only one. */
  authenticate(serial: string | undefined): FakeNode {
    if (this.isDown) throw lost();
    if (this.refuses !== undefined) throw denied(this.refuses);
    const nodes = [...this.nodes.values()];
    const node = nodes.find((one) => one.serial === serial || (one.pendingSerial === serial && serial !== ""));
    if (serial === undefined || node === undefined) {
      if (nodes.some(({ isBanned }) => isBanned)) throw denied("agentBanned");
      throw denied(nodes.length === 0 ? "agentNotAttested" : "agentNotActive");
    }
    if (serial === node.pendingSerial) {
      node.serial = serial;
      node.pendingSerial = "";
    }
    return node;
  }

  #record(type: ResourceType, key: string, resource: SyncResource | undefined): void {
    this.#n += 1;
    const change = { n: this.#n, type, key, resource };
    this.#changes.push(change);
    for (const stream of this.#streams) stream.push(this.#page(type, [change], this.#n, false, true));
  }

  #delta(type: ResourceType, after: number): readonly SyncPage[] {
    const changes = this.#changes.filter((change) => change.type === type && change.n > after);
    return [this.#page(type, changes, this.#n, false, true)];
  }

  #snapshot(type: ResourceType): readonly SyncPage[] {
    const newest = new Map<string, Change>();
    for (const change of this.#changes) if (change.type === type) newest.set(change.key, change);
    const all = [...newest.values()].filter(({ resource }) => resource !== undefined);
    const pages: SyncPage[] = [];
    for (let from = 0; from === 0 || from < all.length; from += this.pageSize) {
      const last = from + this.pageSize >= all.length;
      pages.push(this.#page(type, all.slice(from, from + this.pageSize), this.#n, from === 0, last));
    }
    return pages;
  }

  #page(type: ResourceType, changes: readonly Change[], n: number, snapshotStart: boolean, last: boolean): SyncPage {
    const position: Position = { epoch: this.epoch, n };
    return {
      kind: "page",
      type,
      snapshotStart,
      last,
      position,
      resources: changes.flatMap(({ resource }) => (resource === undefined ? [] : [resource])),
      removed: changes.flatMap(({ key, resource }) => (resource === undefined ? [key] : [])),
      digest: type === "entry" && last ? this.#digest() : undefined,
    };
  }

  #digest(): string {
    if (this.spoilDigests > 0) {
      this.spoilDigests -= 1;
      return "00".repeat(32);
    }
    const digest = new EntrySetDigest();
    for (const entry of this.entries.values()) digest.toggle(entry);
    return digest.hex();
  }

  #endStreamsOf(id: SpiffeId, error: ServiceError): void {
    for (const stream of [...this.#streams]) if (stream.agentId?.equals(id) === true) stream.end(error);
  }
}

class FakeLink implements ServerLink {
  readonly #server: FakeServer;
  readonly #dialler: Dialler;
  /** Of the connection in use; a connection keeps the certificate that it was opened with. */
  #serial: string | undefined;

  constructor(server: FakeServer, dialler: Dialler) {
    this.#server = server;
    this.#dialler = dialler;
  }

  async attest(request: AttestRequest): Promise<AttestResult> {
    this.#reach();
    if (this.#server.attestMs > 0) await this.#server.clock.sleep(this.#server.attestMs);
    return this.#server.attest(request);
  }

  async getBundle(): Promise<SpiffeBundle> {
    this.#reach();
    return this.#server.bundle(this.#server.issuer.trustDomain) ?? this.#server.issuer.bundle();
  }

  readonly polling: PollingLink = {
    authorizedEntries: async (known, options) => {
      this.#reach();
      const answer = this.#server.poll(this.#serial, known);
      options?.onAccepted?.();
      return answer;
    },
    federatedBundle: async (trustDomain) => {
      this.#reach();
      return this.#server.bundle(trustDomain);
    },
  };

  async renewAgent(csrDer: Uint8Array): Promise<IssuedX509Svid> {
    this.#reach();
    if (this.#server.isRenewingDown) throw lost();
    return this.#server.renew(this.#serial, csrDer);
  }

  async batchNewX509Svid(params: readonly NewX509SvidParams[]): Promise<readonly IssueResult[]> {
    this.#reach();
    return this.#server.batch(this.#serial, params);
  }

  async newJwtSvid(entryId: string, audience: readonly string[]): Promise<IssuedJwtSvid> {
    this.#reach();
    return this.#server.jwt(this.#serial, entryId, audience);
  }

  async postStatus(): Promise<void> {
    this.#reach();
  }

  openSync(hello: SyncHello): SyncStream {
    return this.#server.open(this.#serial, hello);
  }

  identityChanged(): void {
    const leaf = this.#dialler.identity()?.chain[0];
    this.#serial = leaf === undefined ? undefined : Certificate.parse(leaf).serialNumber;
  }

  async close(): Promise<void> {}

  #reach(): void {
    if (this.#server.isDown) throw lost();
  }
}

class FakeStream implements SyncStream {
  readonly #onSend: (message: SyncAck | SyncStatus) => void;
  readonly #onClose: () => void;
  readonly #queue: SyncMessage[] = [];
  #end: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;
  agentId: SpiffeId | undefined;

  constructor(onSend: (message: SyncAck | SyncStatus) => void, onClose: () => void) {
    this.#onSend = onSend;
    this.#onClose = onClose;
  }

  get messages(): AsyncIterable<SyncMessage> {
    return this.#read();
  }

  push(message: SyncMessage): void {
    this.#queue.push(message);
    this.#wake?.();
  }

  end(error: unknown): void {
    this.#end ??= { error };
    this.#onClose();
    this.#wake?.();
  }

  send(message: SyncAck | SyncStatus): void {
    if (this.#end === undefined) this.#onSend(message);
  }

  close(): void {
    this.end(commonErrors.error("ERR_SHUTTING_DOWN", "closed"));
  }

  async *#read(): AsyncGenerator<SyncMessage> {
    for (;;) {
      const message = this.#queue.shift();
      if (message !== undefined) {
        yield message;
        continue;
      }
      if (this.#end !== undefined) throw this.#end.error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

function issuedOf(certificate: Certificate, id: SpiffeId, hint: string): IssuedX509Svid {
  return { id, chain: [certificate.der], expiresAt: Math.floor(certificate.notAfter / 1000), hint };
}

function denied(reason: PermissionDeniedReason): ServiceError {
  return serverErrors.error("ERR_FAKE_DENIED", "agent is not allowed", {
    details: [{ kind: "permission-denied", reason }],
  });
}

function lost(): ServiceError {
  return transportErrors.error("ERR_CONNECT_FAILED", "no connection to the server");
}
