import { type Clock, errorFields, type Logger } from "../core/index.ts";
import type { ServiceNotifier } from "./systemd.ts";

/** Exit codes of the daemons (docs/cli.md). */
export const daemonExitCodes = {
  stopped: 0,
  /** It failed; to start it again may help. */
  failed: 1,
  /** Somebody has to do something first: the log says what. Service managers should not restart it. */
  needsOperator: 5,
} as const;

/** Two answers in each interval; none while the event loop is stuck, which is what the service manager looks for. */
export async function feedWatchdog(clock: Clock, notifier: ServiceNotifier, signal: AbortSignal): Promise<void> {
  const { watchdogMs } = notifier;
  if (watchdogMs === undefined) return;
  while (!signal.aborted) {
    notifier.watchdog();
    await clock.sleep(watchdogMs / 2, { signal });
  }
}

/** The last line of a daemon that was told to stop: everything is closed by now. */
export function reportDaemonStopped(what: string, logger: Logger): number {
  logger.info({}, `the ${what} has stopped`);
  return daemonExitCodes.stopped;
}

export interface DaemonEnd {
  /** "server" or "agent". */
  readonly what: string;
  readonly logger: Logger;
  readonly notifier: ServiceNotifier;
  /** Error codes that no restart heals. */
  readonly needsOperator: ReadonlySet<string>;
}

/** Logs why a daemon ends, tells the service manager, and returns the exit code. */
export function reportDaemonFailure(error: unknown, { what, logger, notifier, needsOperator }: DaemonEnd): number {
  const code = textMember(error, "code");
  const fix = textMember(error, "fix");
  logger.error({ ...errorFields(error), ...(fix === undefined ? {} : { fix }) }, `the ${what} stops`);
  const isCoded = error instanceof Error && code !== undefined;
  notifier.status(isCoded ? `${code}: ${error.message}` : "failed");
  return code !== undefined && needsOperator.has(code) ? daemonExitCodes.needsOperator : daemonExitCodes.failed;
}

function textMember(error: unknown, name: "code" | "fix"): string | undefined {
  const value: unknown = typeof error === "object" && error !== null ? Reflect.get(error, name) : undefined;
  return typeof value === "string" ? value : undefined;
}
