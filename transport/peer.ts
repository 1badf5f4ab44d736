import type { VerifiedX509Svid } from "../spiffe/index.ts";

/** Who is at the other end of an accepted connection. Established once per connection, by the kernel or by TLS. */
export type Peer = UnixPeer | TlsPeer;

/** Of a Unix socket, from the kernel (SO_PEERCRED, SO_PEERGROUPS, SO_PEERPIDFD). Never from the caller. */
export interface UnixPeer {
  readonly kind: "unix";
  /** Unique per accepted connection. */
  readonly connectionId: string;
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
  /** Guards /proc reads against pid reuse; closed with the connection. */
  readonly process: ProcessHandle;
}

/** A process that cannot be confused with a later one of the same pid. */
export interface ProcessHandle {
  readonly pid: number;
  readonly mode: "peer-pidfd" | "pidfd-open" | "start-time";
  /** False once the process is gone, whatever now has its pid. Synchronous and cheap. */
  isAlive(): boolean;
}

export interface TlsPeer {
  readonly kind: "tls";
  readonly connectionId: string;
  readonly address: string;
  readonly port: number;
  /** Verified against the bundle of its own trust domain at the handshake; `undefined` without client certificate. */
  readonly svid: VerifiedPeer | undefined;
}

/**
 * The path is what was verified (leaf … trust anchor). What the client sent besides is its word only and goes no
 * further: it may hold certificates of anybody's making.
 */
export type VerifiedPeer = Pick<VerifiedX509Svid, "id" | "path">;
