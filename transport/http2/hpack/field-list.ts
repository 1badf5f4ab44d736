import { entryOverheadBytes } from "./dynamic-table.ts";

export interface FieldLimits {
  /** In the counting of RFC 9113 §6.5.2: octets of name and value, and 32. */
  readonly maxListBytes: number;
  readonly maxFields: number;
}

const none: string[] = [];

/** The fields of one block, until they are too many. */
export class FieldList {
  readonly #limits: FieldLimits;
  #fields: string[] = [];
  #bytes = 0;
  #isTooLarge = false;

  constructor(limits: FieldLimits) {
    this.#limits = limits;
  }

  /** `[name, value, name, value…]` in the order of the block; none when they were too many. */
  get fields(): readonly string[] {
    return this.#fields;
  }

  get isTooLarge(): boolean {
    return this.#isTooLarge;
  }

  /** Octets that the next field may have; a longer string need not be made. */
  get room(): number {
    return this.#isTooLarge ? -1 : this.#limits.maxListBytes - this.#bytes - entryOverheadBytes;
  }

  /** Strings that were longer than `room` are `undefined`. */
  add(name: string | undefined, value: string | undefined): void {
    if (this.#isTooLarge) return;
    if (name === undefined || value === undefined || name.length + value.length > this.room) this.#giveUp();
    else if (this.#fields.length >= 2 * this.#limits.maxFields) this.#giveUp();
    else {
      this.#bytes += name.length + value.length + entryOverheadBytes;
      this.#fields.push(name, value);
    }
  }

  #giveUp(): void {
    this.#isTooLarge = true;
    this.#fields = none;
  }
}
