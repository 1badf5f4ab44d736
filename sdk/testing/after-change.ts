import type { Unsubscribe } from "../source/live-state.ts";

/** What the SDK's sources have. */
export interface Changing {
  /** Calls `listener` after each change; returns how to stop that. */
  onChange(listener: () => void): Unsubscribe;
}

/**
 * Calls `act` and resolves after the next change of `source`: `await afterChange(source, () => api.rotate())`, and the
 * program has the new SVID.
 */
export async function afterChange(source: Changing, act: () => void | Promise<void>): Promise<void> {
  let stop: Unsubscribe = () => {};
  const changed = new Promise<void>((resolve) => {
    stop = source.onChange(resolve);
  });
  try {
    await act();
    await changed;
  } finally {
    stop();
  }
}
