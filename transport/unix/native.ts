import koffi from "koffi";

/**
 * The system calls Node has no API for. Each function is one call; a negative result is an errno, so that nothing
 * comes between the call and its error.
 */
export interface UnixNative {
  /** Fills `into`; returns the length the kernel gave, or -errno. */
  getSocketOption(fd: number, option: number, into: Buffer): number;
  /** A pidfd (close-on-exec), or -errno. */
  openPidfd(pid: number): number;
  /** Is the process of the pidfd gone (also as a zombie)? -errno on failure. */
  isPidfdDone(pidfd: number): boolean | number;
  /** 0 or -errno. */
  setNotDumpable(): number;
  /** 0 or -errno. */
  setCoreLimitZero(): number;
}

const eintr = 4;
const solSocket = 1;
const sysPidfdOpen = 434;
const pollIn = 0x0001;
const pollInvalid = 0x0020;
const prSetDumpable = 4;
const rlimitCore = 4;

/** Throws where the C library cannot be reached: callers fail closed. */
export function loadUnixNative(): UnixNative {
  const libc = koffi.load(null);
  const getsockopt = libc.func("int getsockopt(int, int, int, void *, void *)");
  const syscall = libc.func("long syscall(long, long, long)");
  const poll = libc.func("int poll(void *, unsigned long, int)");
  const prctl = libc.func("int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)");
  const setrlimit = libc.func("int setrlimit(int, void *)");
  const length = Buffer.alloc(4);
  const pollRequest = Buffer.alloc(8);
  return {
    getSocketOption: (fd, option, into) => {
      length.writeInt32LE(into.length);
      const result: number = getsockopt(fd, solSocket, option, into, length);
      return result === 0 ? length.readInt32LE() : -koffi.errno();
    },
    openPidfd: (pid) => {
      const result = Number(syscall(sysPidfdOpen, pid, 0));
      return result >= 0 ? result : -koffi.errno();
    },
    isPidfdDone: (pidfd) => {
      pollRequest.writeInt32LE(pidfd, 0);
      pollRequest.writeInt32LE(pollIn, 4);
      // A signal (a profiler's, a child's) interrupts even a poll that does not wait: ask again.
      let result: number = poll(pollRequest, 1, 0);
      while (result < 0 && koffi.errno() === eintr) result = poll(pollRequest, 1, 0);
      if (result < 0) return -koffi.errno();
      const events = pollRequest.readInt16LE(6);
      if ((events & pollInvalid) !== 0) return -9;
      return (events & pollIn) !== 0;
    },
    setNotDumpable: () => (prctl(prSetDumpable, 0, 0, 0, 0) === 0 ? 0 : -koffi.errno()),
    setCoreLimitZero: () => (setrlimit(rlimitCore, Buffer.alloc(16)) === 0 ? 0 : -koffi.errno()),
  };
}
