import type { Clock } from "../../runtime/core/index.ts";
import { checkFunction } from "../arguments.ts";
import { WorkloadApiClient } from "../client/workload-api-client.ts";
import { knownOptions } from "../known-options.ts";
import { workloadLimits } from "../limits.ts";
import type { Observer } from "../observer.ts";
import { UsageError } from "../usage-error.ts";

/** What every source takes. */
export interface SourceOptions {
  /** `unix:///path` or `tcp://ip:port`. Default: `SPIFFE_ENDPOINT_SOCKET`. */
  readonly endpoint?: string;
  /** Use this client instead; it is not closed with the source. */
  readonly client?: WorkloadApiClient;
  /** How long `open` waits for what it waits for, milliseconds. Default 30,000. */
  readonly timeoutMs?: number;
  /** Ends the waiting of `open`. */
  readonly signal?: AbortSignal;
  /**
   * Rules expiry, renewal, back-off and `timeoutMs`, for tests. TLS handshakes go by the real time. Default: the
   * system's.
   */
  readonly clock?: Clock;
  /** Hears what happens to this source and to the connections that are made with it: for logs, metrics, traces. */
  readonly observer?: Observer;
}

const names = ["endpoint", "client", "timeoutMs", "signal", "clock", "observer"];

/**
 * @param own options of the source beside those of every source.
 * @throws UsageError ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID
 */
export function checkSourceOptions(options: SourceOptions, own: readonly string[], what: string): void {
  knownOptions(options, [...names, ...own], what);
  const { timeoutMs = 0, observer } = options;
  if (typeof timeoutMs !== "number" || !(timeoutMs >= 0 && timeoutMs <= workloadLimits.longestTimeoutMs.value)) {
    const text = `\`timeoutMs\` of ${what} is a number of milliseconds from 0 to ${workloadLimits.longestTimeoutMs.value}`;
    throw new UsageError("ERR_ARGUMENT_INVALID", text);
  }
  if (observer !== undefined) checkFunction(observer, `\`observer\` of ${what}`);
}

/**
 * The client that the options name, or a new one that lives by the same clock.
 * @throws WorkloadError ERR_WORKLOAD_ENDPOINT
 */
export function clientOf({ client, endpoint, clock }: SourceOptions): WorkloadApiClient {
  return (
    client ??
    WorkloadApiClient.create({
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(clock === undefined ? {} : { clock }),
    })
  );
}
