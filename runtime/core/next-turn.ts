/**
 * Runs `task` once the event loop has been round: whoever always has more to do lets others have their turn with it.
 * A promise or a tick would come before them.
 */
export function nextTurn(task: () => void): void {
  setImmediate(task);
}
