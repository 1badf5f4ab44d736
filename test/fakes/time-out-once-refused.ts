import type { SourceOptions } from "../../sdk/index.ts";
import { TestClock } from "../../sdk/testing/test-clock.ts";

/** Options with which `open` of a source times out when the Workload API has refused, however long that takes. */
export function timeOutOnceRefused(): Required<Pick<SourceOptions, "clock" | "observer" | "timeoutMs">> {
  const [clock, timeoutMs] = [new TestClock(), 30_000];
  return {
    clock,
    timeoutMs,
    observer: (event) => {
      if ("error" in event && event.error !== undefined) void clock.advance(timeoutMs);
    },
  };
}
