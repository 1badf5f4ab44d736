import type { UnixPeer } from "../peer.ts";
import type { UnixNative } from "./native.ts";
import { type PeerCredentials, readPeerCredentials } from "./peer-credentials.ts";
import { readProcStatus } from "./proc-status.ts";
import { type OwnedProcessHandle, type ProcessHandleMode, ProcessHandles, strongestMode } from "./process-handle.ts";

export interface OwnedUnixPeer extends UnixPeer {
  readonly process: OwnedProcessHandle;
}

export type PeerRefusal =
  /** The kernel gave no credentials: the socket is closed already, or the system call is not there. */
  | "no-credentials"
  /** The peer lives in another pid namespace: the kernel reports pid 0 (with uid 0!). */
  | "foreign-pid-namespace"
  | "process-gone"
  /** /proc disagrees with the socket: the process changed its ids, or it is another one. */
  | "credentials-disagree";

export type PeerOutcome =
  | { readonly kind: "peer"; readonly peer: OwnedUnixPeer }
  | { readonly kind: "refused"; readonly reason: PeerRefusal; readonly pid: number };

/** Finds out who is at the other end of accepted Unix sockets. Synchronous: the peer may exit in the next tick. */
export class UnixPeers {
  readonly #native: UnixNative;
  readonly #forcedMode: ProcessHandleMode | undefined;
  #handles: ProcessHandles | undefined;
  #next = 0;

  /** `mode` forces a weaker way of holding on to the process than the kernel offers; for tests. */
  constructor(native: UnixNative, mode?: ProcessHandleMode) {
    this.#native = native;
    this.#forcedMode = mode;
  }

  /** Known once the first peer was seen. */
  get mode(): ProcessHandleMode | undefined {
    return this.#handles?.mode;
  }

  identify(socketFd: number): PeerOutcome {
    const credentials = readPeerCredentials(this.#native, socketFd);
    if (credentials === undefined) return refused("no-credentials", 0);
    const { pid, uid } = credentials;
    if (pid === 0) return refused("foreign-pid-namespace", pid);
    this.#handles ??= new ProcessHandles(this.#native, this.#forcedMode ?? strongestMode(this.#native, socketFd));
    const process = this.#handles.open({ socketFd, pid, uid });
    if (process === undefined) return refused("process-gone", pid);
    const reason = crossCheck(credentials, process);
    if (reason !== undefined) {
      process.close();
      return refused(reason, pid);
    }
    this.#next += 1;
    return { kind: "peer", peer: { kind: "unix", connectionId: `unix-${this.#next}`, ...credentials, process } };
  }
}

/** The socket's credentials against /proc, with the process held: what was read was of this process. */
function crossCheck(credentials: PeerCredentials, process: OwnedProcessHandle): PeerRefusal | undefined {
  const status = readProcStatus(credentials.pid);
  if (status === undefined || !process.isAlive()) return "process-gone";
  const isSame =
    status.uid === credentials.uid && status.gid === credentials.gid && sameMembers(status.groups, credentials.groups);
  return isSame ? undefined : "credentials-disagree";
}

function sameMembers(left: readonly number[], right: readonly number[]): boolean {
  if (left.length === 0 && right.length === 0) return true;
  const members = new Set(left);
  return members.size === new Set(right).size && right.every((member) => members.has(member));
}

function refused(reason: PeerRefusal, pid: number): PeerOutcome {
  return { kind: "refused", reason, pid };
}
