/**
 * Calls each listener. What one throws is its owner's and must not disturb the source or the other listeners: as with
 * EventTarget it surfaces as an uncaught exception.
 */
export function notify(listeners: ReadonlySet<() => void>): void {
  for (const listener of [...listeners]) {
    try {
      listener();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
