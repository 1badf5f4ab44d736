import { workloadLimits } from "../limits.ts";
import { UsageError } from "../usage-error.ts";

/**
 * Why an established connection is closed: the peer's SVID, or the own one that the connection was made with, has
 * expired, an intermediate or (the peer's) authority that it hangs on included; or the peer's chain does not verify any
 * more, since its authority, or the whole bundle, was withdrawn.
 */
export type CloseReason = "peer-expired" | "own-expired" | "distrusted";

/** For each factory of servers, and for those of clients that carry HTTP, gRPC or bare TLS. */
export interface ClosingOptions {
  /**
   * Close established connections, too, for these reasons: within a second of an expiry, and as soon as the source
   * knows of a distrust. Default none: a connection was good when it was made, and ends when a side ends it.
   */
  readonly closeWhen?: readonly CloseReason[];
  /**
   * How long what is under way on such a connection has to end, milliseconds, before the connection is cut. http1
   * answers `connection: close`, http2 and grpc-js's server say GOAWAY, a client of grpc-js and `fetch` wait until
   * nothing is under way. Of other protocols nothing is known: they are cut at once. Default 10,000, at most
   * 2,147,483,647.
   */
  readonly closeGraceMs?: number;
}

export interface Closing {
  readonly reasons: ReadonlySet<CloseReason>;
  readonly graceMs: number;
}

const known: ReadonlySet<string> = new Set<CloseReason>(["peer-expired", "own-expired", "distrusted"]);

/**
 * @throws UsageError ERR_ARGUMENT_INVALID for a reason there is not, or a grace that no timer can wait, since
 * connections that nobody closes do not show
 */
export function readClosing(options: ClosingOptions, factory: string): Closing | undefined {
  const { closeWhen = [], closeGraceMs = workloadLimits.closeGraceMs.value } = options;
  if (!Array.isArray(closeWhen)) {
    throw new UsageError("ERR_ARGUMENT_INVALID", `${factory}: \`closeWhen\` is an array of ${[...known].join(", ")}`);
  }
  for (const reason of closeWhen) {
    if (known.has(reason)) continue;
    throw new UsageError("ERR_ARGUMENT_INVALID", `${factory}: \`closeWhen\` knows ${[...known].join(", ")}`);
  }
  if (
    typeof closeGraceMs !== "number" ||
    !(closeGraceMs >= 0 && closeGraceMs <= workloadLimits.longestTimeoutMs.value)
  ) {
    throw new UsageError(
      "ERR_ARGUMENT_INVALID",
      `${factory}: \`closeGraceMs\` is a number of milliseconds from 0 to ${workloadLimits.longestTimeoutMs.value}`,
    );
  }
  return closeWhen.length === 0 ? undefined : { reasons: new Set(closeWhen), graceMs: closeGraceMs };
}
