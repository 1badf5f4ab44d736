import { transportErrors } from "./transport.ts";

/** Why a daemon has no listener for probes and metrics, and which setting decides where it is. */
export function statusListenFailed({ host, port }: { readonly host: string; readonly port: number }, cause: unknown) {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const where = `${host}:${port} for health and metrics (health_checks.bind_address, health_checks.bind_port)`;
  return transportErrors.error("ERR_LISTEN_FAILED", `cannot listen on ${where}: ${reason}`, { cause });
}
