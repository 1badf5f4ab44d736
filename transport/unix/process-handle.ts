import { closeSync, fstatSync, statfsSync } from "node:fs";
import type { ProcessHandle } from "../peer.ts";
import type { UnixNative } from "./native.ts";
import { readProcStatus, readStartTime } from "./proc-status.ts";

export type ProcessHandleMode = ProcessHandle["mode"];

export interface OwnedProcessHandle extends ProcessHandle {
  /** Idempotent; afterwards `isAlive()` is false. */
  close(): void;
}

export interface ProcessHandleRequest {
  readonly socketFd: number;
  readonly pid: number;
  readonly uid: number;
}

const soPeerPidfd = 77;
const pidfsMagic = 0x50494446;

/**
 * Makes handles of processes at the other end of sockets, in one mode:
 * `peer-pidfd`: the kernel's own pidfd of the peer (Linux ≥ 6.5): certain from connect() on;
 * `pidfd-open`: a pidfd opened by pid, between two looks at start time and uid: certain from accept on;
 * `start-time`: no pidfd; the start time is compared at every question.
 */
export class ProcessHandles {
  readonly mode: ProcessHandleMode;
  readonly #native: UnixNative;
  /** Asked of the kernel once. */
  #hasPidfs: boolean | undefined;
  /** Handles by pidfs inode, which is unique to a process: its connections share one descriptor. */
  readonly #shared = new Map<bigint, SharedPidfd>();

  constructor(native: UnixNative, mode: ProcessHandleMode) {
    this.#native = native;
    this.mode = mode;
  }

  /** `undefined`: there is no such process any more, or it cannot be told which one it is. */
  open(request: ProcessHandleRequest): OwnedProcessHandle | undefined {
    if (this.mode === "start-time") return this.#byStartTime(request);
    const pidfd = this.mode === "peer-pidfd" ? this.#peerPidfd(request.socketFd) : this.#pidfdBetweenLooks(request);
    return pidfd === undefined ? undefined : this.#share(pidfd, request.pid);
  }

  /** Descriptors held; for tests. */
  get openDescriptors(): number {
    return this.#shared.size;
  }

  #peerPidfd(socketFd: number): number | undefined {
    const into = Buffer.alloc(4);
    return this.#native.getSocketOption(socketFd, soPeerPidfd, into) === 4 ? into.readInt32LE() : undefined;
  }

  #pidfdBetweenLooks({ pid, uid }: ProcessHandleRequest): number | undefined {
    const before = look(pid);
    const pidfd = this.#native.openPidfd(pid);
    if (pidfd < 0) return undefined;
    const after = look(pid);
    const isSame = before !== undefined && before.startTime === after?.startTime;
    if (isSame && before.uid === uid && after.uid === uid) return pidfd;
    closeSync(pidfd);
    return undefined;
  }

  #byStartTime({ pid, uid }: ProcessHandleRequest): OwnedProcessHandle | undefined {
    const first = look(pid);
    if (first === undefined || first.uid !== uid) return undefined;
    let isClosed = false;
    return {
      pid,
      mode: "start-time",
      isAlive: () => !isClosed && readStartTime(pid) === first.startTime,
      close: () => {
        isClosed = true;
      },
    };
  }

  #share(pidfd: number, pid: number): OwnedProcessHandle {
    const inode = this.#processInode(pidfd);
    const known = inode === undefined ? undefined : this.#shared.get(inode);
    if (known !== undefined) {
      closeSync(pidfd);
      return this.#handle(known, pid);
    }
    const shared = new SharedPidfd(pidfd, () => {
      if (inode !== undefined) this.#shared.delete(inode);
    });
    if (inode !== undefined) this.#shared.set(inode, shared);
    return this.#handle(shared, pid);
  }

  /** The pidfd's inode where it names the process (pidfs, Linux ≥ 6.9); before that all pidfds had the same one. */
  #processInode(pidfd: number): bigint | undefined {
    this.#hasPidfs ??= isOnPidfs(pidfd);
    return this.#hasPidfs ? fstatSync(pidfd, { bigint: true }).ino : undefined;
  }

  #handle(shared: SharedPidfd, pid: number): OwnedProcessHandle {
    shared.retain();
    let isClosed = false;
    return {
      pid,
      mode: this.mode,
      isAlive: () => !isClosed && this.#native.isPidfdDone(shared.fd) === false,
      close: () => {
        if (isClosed) return;
        isClosed = true;
        shared.release();
      },
    };
  }
}

function isOnPidfs(pidfd: number): boolean {
  try {
    return statfsSync(`/proc/self/fd/${pidfd}`).type === pidfsMagic;
  } catch {
    // Without the answer every connection keeps its own descriptor.
    return false;
  }
}

class SharedPidfd {
  readonly fd: number;
  readonly #onUnused: () => void;
  #users = 0;

  constructor(fd: number, onUnused: () => void) {
    this.fd = fd;
    this.#onUnused = onUnused;
  }

  retain(): void {
    this.#users += 1;
  }

  release(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#onUnused();
    closeSync(this.fd);
  }
}

function look(pid: number): { readonly startTime: string; readonly uid: number } | undefined {
  const startTime = readStartTime(pid);
  const status = readProcStatus(pid);
  return startTime === undefined || status === undefined ? undefined : { startTime, uid: status.uid };
}

const noSuchOption = 92;

/** The strongest mode this kernel has, found out with a connected Unix socket. */
export function strongestMode(native: UnixNative, socketFd: number): ProcessHandleMode {
  const into = Buffer.alloc(4);
  const length = native.getSocketOption(socketFd, soPeerPidfd, into);
  if (length === 4) closeSync(into.readInt32LE());
  // Any other failure is about this one peer (it may be gone already), not about the kernel.
  if (length !== -noSuchOption) return "peer-pidfd";
  const own = native.openPidfd(process.pid);
  if (own < 0) return "start-time";
  closeSync(own);
  return "pidfd-open";
}
