/** RFC 9113 §6.9.1 and §6.9.2. */
export const maxWindow = 2 ** 31 - 1;
export const defaultWindow = 65_535;

/** What the peer may still send: it is told of what was taken when that is half of the window. */
export class ReceiveWindow {
  #left = defaultWindow;
  /** Taken, and not told of. */
  #taken = 0;

  /** Counts what arrived; false: it is more than we allowed. */
  receive(bytes: number): boolean {
    this.#left -= bytes;
    return this.#left >= 0;
  }

  /** Counts what was taken; returns how much to tell the peer of now. */
  take(bytes: number): number {
    this.#taken += bytes;
    if (2 * this.#taken < defaultWindow) return 0;
    const credit = this.#taken;
    this.#left += credit;
    this.#taken = 0;
    return credit;
  }
}
