import { createRequire } from "node:module";

/** What a service manager is told (sd_notify(3)). Everything is a no-op when nobody asked to be told. */
export interface ServiceNotifier {
  ready(): void;
  reloading(monotonicMs: number): void;
  stopping(): void;
  watchdog(): void;
  status(text: string): void;
  /** Milliseconds within which the service manager wants `watchdog()`; `undefined` when it does not. */
  readonly watchdogMs: number | undefined;
}

interface NotifyEnvironment {
  readonly NOTIFY_SOCKET?: string | undefined;
  readonly WATCHDOG_USEC?: string | undefined;
  readonly WATCHDOG_PID?: string | undefined;
}

type Send = (path: string, message: string) => void;

const addressFamilyUnix = 1;
const datagram = 2;
const closeOnExec = 0o2000000;

/** sockaddr_un: family in host order, then the path; a leading `@` means the abstract namespace. */
export function unixAddress(path: string): Uint8Array {
  const name = Buffer.from(path, "utf8");
  if (name.length === 0 || name.length > 107) throw new RangeError("NOTIFY_SOCKET is empty or longer than 107 bytes");
  const isAbstract = name[0] === 0x40;
  if (isAbstract) name[0] = 0;
  const address = Buffer.alloc(2 + name.length + (isAbstract ? 0 : 1));
  new Uint16Array(address.buffer, address.byteOffset, 1)[0] = addressFamilyUnix;
  address.set(name, 2);
  return address;
}

/** Node has no Unix datagram sockets, so the three system calls are made directly. */
function systemSend(): Send {
  // Loaded only when a service manager listens: koffi costs start-up time.
  const koffi: typeof import("koffi") = createRequire(import.meta.url)("koffi");
  const libc = koffi.load(null);
  const socket = libc.func("int socket(int, int, int)");
  const sendto = libc.func("long sendto(int, const void *, size_t, int, const void *, uint32_t)");
  const close = libc.func("int close(int)");
  return (path, message) => {
    const fd: number = socket(addressFamilyUnix, datagram | closeOnExec, 0);
    if (fd < 0) return;
    const bytes = Buffer.from(message, "utf8");
    const address = unixAddress(path);
    sendto(fd, bytes, bytes.length, 0, address, address.length);
    close(fd);
  };
}

const silentNotifier: ServiceNotifier = {
  ready: () => {},
  reloading: () => {},
  stopping: () => {},
  watchdog: () => {},
  status: () => {},
  watchdogMs: undefined,
};

export function serviceNotifier(env: NotifyEnvironment, pid: number, send?: Send): ServiceNotifier {
  const path = env.NOTIFY_SOCKET;
  if (path === undefined || path === "") return silentNotifier;
  const deliver = send ?? systemSend();
  const forUs = env.WATCHDOG_PID === undefined || env.WATCHDOG_PID === "" || Number(env.WATCHDOG_PID) === pid;
  const watchdogUs = Number(env.WATCHDOG_USEC ?? "");
  return {
    ready: () => deliver(path, "READY=1"),
    reloading: (monotonicMs) => deliver(path, `RELOADING=1\nMONOTONIC_USEC=${Math.floor(monotonicMs * 1000)}`),
    stopping: () => deliver(path, "STOPPING=1"),
    watchdog: () => deliver(path, "WATCHDOG=1"),
    status: (text) => deliver(path, `STATUS=${text.replaceAll("\n", " ")}`),
    watchdogMs: forUs && watchdogUs > 0 ? watchdogUs / 1000 : undefined,
  };
}

export interface PassedSocket {
  readonly fd: number;
  /** `FileDescriptorName=` of the socket unit; "" when it has none. */
  readonly name: string;
}

const firstPassedFd = 3;
const setDescriptorFlags = 2;

/** Listening sockets that a service manager passed to this very process (sd_listen_fds(3)). */
export function passedSockets(env: Readonly<Record<string, string | undefined>>, pid: number): readonly PassedSocket[] {
  if (Number(env["LISTEN_PID"] ?? "") !== pid) return [];
  const count = Number(env["LISTEN_FDS"] ?? "");
  if (!Number.isInteger(count) || count < 1 || count > 16) return [];
  const names = (env["LISTEN_FDNAMES"] ?? "").split(":");
  return Array.from({ length: count }, (_, index) => ({ fd: firstPassedFd + index, name: names[index] ?? "" }));
}

/**
 * Lets the passed sockets outlive `execve`: Node closes whatever it inherited beyond the standard streams.
 * @throws Error when one of them is not open
 */
export function keepPassedSockets(env: Readonly<Record<string, string | undefined>>, pid: number): void {
  const sockets = passedSockets(env, pid);
  if (sockets.length === 0) return;
  const koffi: typeof import("koffi") = createRequire(import.meta.url)("koffi");
  const fcntl = koffi.load(null).func("int fcntl(int, int, ...)");
  for (const { fd } of sockets) {
    const result: number = fcntl(fd, setDescriptorFlags, "int", 0);
    if (result < 0) throw new Error(`LISTEN_FDS names descriptor ${fd}, which is not open`);
  }
}
