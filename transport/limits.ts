import type { ListenerLimits } from "./grpc/types.ts";

/** Every limit of connections and calls, each with its reason; docs/limits.md repeats them for operators. */
export interface TransportLimits {
  readonly tcp: ListenerLimits;
  readonly workloadSocket: ListenerLimits;
  readonly adminSocket: ListenerLimits;
  /** Connections the kernel queues before `accept`. A fleet of workloads may start at once; Node's default of 511 refuses. */
  readonly backlog: number;
  /** Calls one uid may have open on a Unix socket. */
  readonly streamsPerUid: number;
  /** Calls open on a Unix socket, all uids. */
  readonly maxStreams: number;
  /** Of `maxStreams` and `maxConnections`, places that only root gets: an operator can look while a flood goes on. */
  readonly reserveForRoot: number;
  /** How often streams whose process is gone are looked for, milliseconds. */
  readonly sweepMs: number;
  /** Bytes of a Unix socket's path: `sockaddr_un.sun_path` less its NUL. */
  readonly socketPathBytes: number;
  /** Certificates looked at in a peer's chain, leaf included. */
  readonly peerChain: number;
  /** Dialling: TCP and TLS together, milliseconds. */
  readonly connectTimeoutMs: number;
  /** Bytes a bidirectional call may have queued towards a peer that does not read. */
  readonly sendQueueBytes: number;
}

const mebibyte = 1024 * 1024;

export const transportLimits: TransportLimits = {
  tcp: {
    // An agent holds one stream and a handful of calls.
    maxConcurrentStreams: 100,
    // Node's own bound of one HTTP/2 session; grpc-js has none.
    maxSessionMemoryMb: 16,
    // SPIFFE needs one header; tracing headers fit.
    maxMetadataBytes: 16 * 1024,
    // What SPIRE's servers and clients take (the gRPC default).
    maxReceiveMessageBytes: 4 * mebibyte,
    // A page of everything ("page size 0") may be large; clients of ours take as much.
    maxSendMessageBytes: 64 * mebibyte,
    // A handshake takes milliseconds; a slow link takes a second.
    handshakeTimeoutMs: 5_000,
    // A connection without calls is worth one new handshake.
    idleTimeoutMs: 60_000,
    // A handshake costs a signature: so many strangers may be in the middle of one.
    maxHalfOpen: 512,
    // A NAT gateway may hide a rack of agents.
    maxConnectionsPerPeer: 1_024,
    maxConnections: 20_000,
  },
  workloadSocket: {
    maxConcurrentStreams: 100,
    maxSessionMemoryMb: 16,
    maxMetadataBytes: 16 * 1024,
    // The largest request is a JWT to validate.
    maxReceiveMessageBytes: mebibyte,
    // Many identities with many bundles; clients' own default is 4 MiB.
    maxSendMessageBytes: 16 * mebibyte,
    handshakeTimeoutMs: 5_000,
    idleTimeoutMs: 60_000,
    // No handshake on a Unix socket: an accepted connection is established.
    maxHalfOpen: 4_096,
    maxConnectionsPerPeer: 10_000,
    maxConnections: 12_000,
  },
  adminSocket: {
    maxConcurrentStreams: 100,
    maxSessionMemoryMb: 64,
    maxMetadataBytes: 16 * 1024,
    // Batches of entries from a file.
    maxReceiveMessageBytes: 16 * mebibyte,
    maxSendMessageBytes: 256 * mebibyte,
    handshakeTimeoutMs: 5_000,
    idleTimeoutMs: 60_000,
    maxHalfOpen: 512,
    maxConnectionsPerPeer: 256,
    maxConnections: 512,
  },
  backlog: 4_096,
  streamsPerUid: 10_000,
  maxStreams: 12_000,
  reserveForRoot: 64,
  sweepMs: 30_000,
  socketPathBytes: 107,
  peerChain: 10,
  connectTimeoutMs: 10_000,
  sendQueueBytes: 16 * mebibyte,
};
