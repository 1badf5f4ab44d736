/**
 * Where the sockets are when nobody says. As root below /run; as an ordinary user below the user's own runtime directory,
 * or home, so that nobody else can squat on the path. Daemons and CLI use the same function.
 */
export function defaultSocketPath(
  which: "server" | "agent",
  environment: Readonly<Record<string, string | undefined>>,
  uid: number,
): string {
  const own = environment["XDG_RUNTIME_DIR"] ?? `${environment["HOME"] ?? "."}/.local/run`;
  const folder = uid === 0 ? "/run/countersign" : `${own}/countersign`;
  return which === "server" ? `${folder}/server/private/api.sock` : `${folder}/agent/public/api.sock`;
}
