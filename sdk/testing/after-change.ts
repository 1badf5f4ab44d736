import { systemClock, type Timer } from "../../runtime/core/index.ts";
import { checkFunction } from "../arguments.ts";
import { knownOptions } from "../known-options.ts";
import type { Unsubscribe } from "../source/live-state.ts";
import { UsageError } from "../usage-error.ts";

/** What the SDK's sources have. */
export interface Changing {
  /** Calls `listener` after each change; returns how to stop that. */
  onChange(listener: () => void): Unsubscribe;
}

/** How `afterChange` waits. */
export interface AfterChangeOptions {
  /** Milliseconds of real time, also where the source has a `TestClock`. Default 10,000. */
  readonly timeoutMs?: number;
}

/**
 * Calls `act` and resolves after the next change of `source`: `await afterChange(source, () => api.rotate())`, and the
 * program has the new SVID.
 * @throws UsageError ERR_TEST_NO_CHANGE when none came in time, ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID; what `act`
 * throws
 */
export async function afterChange(
  source: Changing,
  act: () => void | Promise<void>,
  options: AfterChangeOptions = {},
): Promise<void> {
  knownOptions(options, ["timeoutMs"], "afterChange");
  checkFunction(source?.onChange, "`onChange` of the source of afterChange");
  checkFunction(act, "the second argument of afterChange");
  const { timeoutMs = 10_000 } = options;
  let stop: Unsubscribe = () => {};
  let timer: Timer | undefined;
  const changed = new Promise<void>((resolve, reject) => {
    stop = source.onChange(resolve);
    const noChange = (): void =>
      reject(new UsageError("ERR_TEST_NO_CHANGE", `the source did not change within ${timeoutMs} ms`));
    timer = systemClock.setTimer(timeoutMs, noChange);
  });
  // It may reject while `act` is still under way.
  changed.catch(() => {});
  try {
    await act();
    await changed;
  } finally {
    stop();
    timer?.cancel();
  }
}
