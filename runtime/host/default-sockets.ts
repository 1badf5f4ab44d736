import { existsSync } from "node:fs";

const systemFolder = "/run/countersign";

/**
 * Where the sockets are when nobody says. As root below /run; as an ordinary user below the user's own runtime directory,
 * or home, so that nobody else can squat on the path. Daemons use this one, clients the one below.
 */
export function defaultSocketPath(
  which: "server" | "agent",
  environment: Readonly<Record<string, string | undefined>>,
  uid: number,
): string {
  const own = environment["XDG_RUNTIME_DIR"] ?? `${environment["HOME"] ?? "."}/.local/run`;
  return socketBelow(uid === 0 ? systemFolder : `${own}/countersign`, which);
}

/**
 * Where a client looks when nobody says: as `defaultSocketPath`, but where an ordinary user runs no daemon of its own, the
 * machine's. Only root can make that one, so nobody else is called by mistake.
 */
export function clientSocketPath(
  which: "server" | "agent",
  environment: Readonly<Record<string, string | undefined>>,
  uid: number,
  exists: (path: string) => boolean = existsSync,
): string {
  const own = defaultSocketPath(which, environment, uid);
  const ofMachine = socketBelow(systemFolder, which);
  return !exists(own) && exists(ofMachine) ? ofMachine : own;
}

function socketBelow(folder: string, which: "server" | "agent"): string {
  return which === "server" ? `${folder}/server/private/api.sock` : `${folder}/agent/public/api.sock`;
}
