/**
 * Places shared by keys (uids, addresses): so many in all, so many a key, and a reserve that only the privileged key
 * reaches when all others are taken.
 */
export class Quota {
  readonly #total: number;
  readonly #perKey: number;
  readonly #reserve: number;
  readonly #privileged: string | number | undefined;
  readonly #taken = new Map<string | number, number>();
  #sum = 0;

  constructor(options: {
    readonly total: number;
    readonly perKey: number;
    readonly reserve?: number;
    readonly privilegedKey?: string | number;
  }) {
    this.#total = options.total;
    this.#perKey = options.perKey;
    this.#reserve = options.reserve ?? 0;
    this.#privileged = options.privilegedKey;
  }

  /** Takes a place; false when there is none for `key`. */
  enter(key: string | number): boolean {
    const taken = this.#taken.get(key) ?? 0;
    const isPrivileged = key === this.#privileged;
    const reachable = isPrivileged ? this.#total : this.#total - this.#reserve;
    if (this.#sum >= reachable || (taken >= this.#perKey && !isPrivileged)) return false;
    this.#taken.set(key, taken + 1);
    this.#sum += 1;
    return true;
  }

  /** Gives a place back that `enter` gave. */
  leave(key: string | number): void {
    const taken = this.#taken.get(key);
    if (taken === undefined) return;
    this.#sum -= 1;
    if (taken === 1) this.#taken.delete(key);
    else this.#taken.set(key, taken - 1);
  }

  get taken(): number {
    return this.#sum;
  }
}
