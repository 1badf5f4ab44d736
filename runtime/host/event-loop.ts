import { monitorEventLoopDelay } from "node:perf_hooks";

export interface StallMonitor {
  /** Longest time the event loop did not turn since the last call, milliseconds. */
  takeLongestMs(): number;
  close(): void;
}

export function watchEventLoop(): StallMonitor {
  // Each sample wakes the process: finer would cost an idle server more than all else together.
  const resolutionMs = 20;
  const delays = monitorEventLoopDelay({ resolution: resolutionMs });
  delays.enable();
  return {
    takeLongestMs: () => {
      // The monitor counts its own sampling interval as delay.
      const longest = Math.max(0, delays.max / 1e6 - resolutionMs);
      delays.reset();
      return longest;
    },
    close: () => {
      delays.disable();
    },
  };
}
