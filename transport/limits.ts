import type { ListenerLimits } from "./grpc/types.ts";

interface Limit {
  readonly value: number;
  readonly reason: string;
}

type LimitTable<Name extends string> = Readonly<Record<Name, Limit>>;

const mebibyte = 1024 * 1024;

/** What all listeners share; the tables below replace rows of it. */
const everyListener = {
  maxConcurrentStreams: { value: 100, reason: "calls open on one connection; an agent holds one stream and a handful" },
  maxMetadataBytes: { value: 16 * 1024, reason: "SPIFFE needs one header; tracing headers fit" },
  handshakeTimeoutMs: {
    value: 5_000,
    reason: "TLS handshake, HTTP/2 preface; milliseconds usually, a second on slow links",
  },
  idleTimeoutMs: {
    value: 60_000,
    reason: "a connection without calls, worth one new handshake; also a request that does not end",
  },
} as const satisfies Partial<LimitTable<keyof ListenerLimits>>;

const tcp: LimitTable<keyof ListenerLimits> = {
  ...everyListener,
  maxReceiveMessageBytes: { value: 4 * mebibyte, reason: "what SPIRE's servers and clients take (the gRPC default)" },
  maxReceivingBytes: {
    value: 256 * mebibyte,
    reason: "requests not yet answered, of all; half of it for strangers. A thousand agents' batches at once",
  },
  maxReceivingBytesPerPeer: {
    value: 16 * mebibyte,
    reason: "one agent has two batches under way, an address a rack of agents that attest",
  },
  maxSendMessageBytes: {
    value: 64 * mebibyte,
    reason: 'a page of everything ("page size 0"); clients of ours take as much',
  },
  maxUnreadBytesPerPeer: {
    value: 256 * mebibyte,
    reason: "answers that one agent or address has not read; four of the largest, or the bundle for a rack of agents",
  },
  maxHalfOpen: {
    value: 512,
    reason: "unfinished handshakes; one more drops the oldest, which has had its time when it is honest",
  },
  maxConnectionsPerPeer: { value: 1_024, reason: "one address; a NAT gateway may hide a rack of agents" },
  maxConnections: { value: 20_000, reason: "10,000 agents and as many about to replace their connection" },
};

const workloadSocket: LimitTable<keyof ListenerLimits> = {
  ...everyListener,
  maxReceiveMessageBytes: { value: mebibyte, reason: "the largest request is a JWT to validate" },
  maxReceivingBytes: { value: 64 * mebibyte, reason: "requests not yet answered, of all; half of it only for root" },
  maxReceivingBytesPerPeer: { value: 16 * mebibyte, reason: "one uid; a request has a few hundred bytes" },
  maxSendMessageBytes: {
    value: 16 * mebibyte,
    reason: "many identities with many bundles; clients' own default is 4 MiB",
  },
  maxUnreadBytesPerPeer: {
    value: 1024 * mebibyte,
    reason: "answers that one uid has not read: at a rotation each of its processes gets one at once",
  },
  maxHalfOpen: {
    value: 4_096,
    reason: "there is no handshake on a Unix socket: an accepted connection is established",
  },
  maxConnectionsPerPeer: { value: 10_000, reason: "one uid; hosts run thousands of processes of one service user" },
  maxConnections: { value: 12_000, reason: "a busy host's processes; at 20 to 40 KB each that is half a gigabyte" },
};

const adminSocket: LimitTable<keyof ListenerLimits> = {
  ...everyListener,
  maxReceiveMessageBytes: { value: 16 * mebibyte, reason: "batches of entries from a file" },
  maxReceivingBytes: { value: 256 * mebibyte, reason: "requests not yet answered, of all; half of it only for root" },
  maxReceivingBytesPerPeer: { value: 64 * mebibyte, reason: "one uid; a few controllers with the largest batches" },
  maxSendMessageBytes: {
    value: 64 * mebibyte,
    reason: 'a page of everything ("page size 0"), as over TCP; larger answers are asked for in pages',
  },
  maxUnreadBytesPerPeer: { value: 256 * mebibyte, reason: "answers that one uid has not read; four of the largest" },
  maxHalfOpen: { value: 512, reason: "as many as may connect at all" },
  maxConnectionsPerPeer: { value: 256, reason: "one uid; scripts that run many commands at once" },
  maxConnections: { value: 512, reason: "administrators are few" },
};

const general = {
  backlog: {
    value: 4_096,
    reason: "connections the kernel queues: a fleet of workloads may start at once; Node's 511 refuses",
  },
  streamsPerUid: { value: 10_000, reason: "calls one uid may have open on a Unix socket" },
  maxStreams: { value: 12_000, reason: "calls open on a Unix socket, all uids" },
  reserveForRoot: {
    value: 64,
    reason: "places of both that only root gets: an operator can look while a flood goes on",
  },
  strangersCalls: { value: 8_192, reason: "calls open over TCP without an SVID: attestations, bundle reads" },
  strangersCallsPerAddress: { value: 1_024, reason: "one each on as many connections as an address may have" },
  sweepMs: { value: 30_000, reason: "how often streams whose process is gone are looked for" },
  socketPathBytes: { value: 107, reason: "sockaddr_un.sun_path less its NUL" },
  peerChain: { value: 10, reason: "certificates looked at in a peer's chain, leaf included" },
  proxyHeaderBytes: {
    value: 4_096,
    reason: "a PROXY protocol header of version 2 with its TLVs; a client certificate's name and an id fit",
  },
  connectTimeoutMs: { value: 10_000, reason: "dialling: TCP and TLS together" },
  requestFields: {
    value: 10_000,
    reason: "items of one request. Clients send batches of 50 to 500; a million empty ones take seconds to decode",
  },
  headerFields: { value: 64, reason: "fields of one request or its trailers; a call has ten, tracing a few more" },
  headerBlockBytes: {
    value: 64 * 1024,
    reason: "a request's headers as they are sent; who sends more than the metadata we announce is heard up to here",
  },
  headerBlockFrames: {
    value: 32,
    reason: "frames that one request's headers are cut into; four are as large as may be",
  },
  resets: { value: 1_000, reason: "calls that one connection gives up before their answer begins, at once" },
  resetsPerSecond: { value: 100, reason: "the same in the long run: a client that gives every call up is broken" },
  idleFrames: {
    value: 10_000,
    reason: "HTTP/2 frames of one connection that carry no data (PING, SETTINGS, WINDOW_UPDATE, empty DATA), at once",
  },
  idleFramesPerSecond: { value: 1_000, reason: "the same in the long run, beside what data and calls earn" },
  bytesPerIdleFrame: { value: 512, reason: "so much data, either way, earns another of these frames" },
  idleFramesPerCall: { value: 16, reason: "a call that ended well earns so many of them; clients send two or three" },
  unsentBytes: {
    value: 256 * 1024,
    reason: "of one connection, ready for the kernel; while there are more, nothing that the peer sends is read",
  },
  sendQueueBytes: { value: 16 * mebibyte, reason: "what a call may have queued towards a peer that does not read" },
} as const satisfies Readonly<Record<string, Limit>>;

/** Every limit of connections and calls with its reason, by kind of listener; docs/limits.md is written from it. */
export const transportLimitTables = { general, tcp, workloadSocket, adminSocket } as const;

/** The same as bare numbers, for those who enforce them. */
export type TransportLimits = Readonly<Record<keyof typeof general, number>> & {
  readonly tcp: ListenerLimits;
  readonly workloadSocket: ListenerLimits;
  readonly adminSocket: ListenerLimits;
};

export const transportLimits: TransportLimits = {
  ...valuesOf(general),
  tcp: valuesOf(tcp),
  workloadSocket: valuesOf(workloadSocket),
  adminSocket: valuesOf(adminSocket),
};

function valuesOf<Name extends string>(table: LimitTable<Name>): Readonly<Record<Name, number>> {
  const values = Object.entries<Limit>(table).map(([name, { value }]) => [name, value]);
  // Object.fromEntries forgets the names that Object.entries was given.
  const complete: unknown = Object.fromEntries(values);
  return complete as Readonly<Record<Name, number>>;
}
