import type { Clock } from "../../runtime/core/index.ts";
import type { WorkloadApiClient } from "../client/workload-api-client.ts";

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
  readonly clock?: Clock;
}
