import { SpiffeError } from "./errors.ts";
import { spiffeLimits } from "./limits.ts";

/**
 * One attested fact about a node or a process, written `type:value`. The type ends at the first colon, so it has
 * none; the value is opaque, may contain colons, and is compared exactly. Immutable.
 */
export class Selector {
  readonly #type: string;
  readonly #value: string;

  private constructor(type: string, value: string) {
    this.#type = type;
    this.#value = value;
  }

  /** @throws SpiffeError ERR_SELECTOR_FORMAT and the codes of `of` */
  static parse(text: string): Selector {
    const colon = text.indexOf(":");
    if (colon === -1) throw new SpiffeError("ERR_SELECTOR_FORMAT", "the selector has no colon");
    return Selector.of(text.slice(0, colon), text.slice(colon + 1));
  }

  /** @throws SpiffeError ERR_SELECTOR_TYPE, ERR_SELECTOR_VALUE, ERR_SELECTOR_CHARACTER */
  static of(type: string, value: string): Selector {
    if (type === "") throw new SpiffeError("ERR_SELECTOR_TYPE", "the selector type is empty");
    if (type.includes(":")) throw new SpiffeError("ERR_SELECTOR_TYPE", "the selector type contains a colon");
    if (value === "") throw new SpiffeError("ERR_SELECTOR_VALUE", "the selector value is empty");
    if (Buffer.byteLength(type) > spiffeLimits.selectorTypeBytes.value) {
      throw new SpiffeError("ERR_SELECTOR_TYPE", "the selector type is too long");
    }
    if (Buffer.byteLength(value) > spiffeLimits.selectorValueBytes.value) {
      throw new SpiffeError("ERR_SELECTOR_VALUE", "the selector value is too long");
    }
    // Neither survives a protobuf string or a PostgreSQL text column unchanged.
    if (!isStorable(type) || !isStorable(value)) {
      throw new SpiffeError("ERR_SELECTOR_CHARACTER", "the selector has a NUL character or invalid Unicode");
    }
    return new Selector(type, value);
  }

  get type(): string {
    return this.#type;
  }

  get value(): string {
    return this.#value;
  }

  equals(other: Selector): boolean {
    return this.#type === other.#type && this.#value === other.#value;
  }

  toString(): string {
    return `${this.#type}:${this.#value}`;
  }

  toJSON(): string {
    return this.toString();
  }
}

/** By type, then value, in UTF-16 code unit order: the order of selectors everywhere. */
export function compareSelectors(left: Selector, right: Selector): number {
  return compareText(left.type, right.type) || compareText(left.value, right.value);
}

/** A new sorted array without duplicates. */
export function sortSelectors(selectors: Iterable<Selector>): readonly Selector[] {
  const sorted = [...selectors].sort(compareSelectors);
  return sorted.filter((selector, index) => {
    const previous = sorted[index - 1];
    return previous === undefined || !previous.equals(selector);
  });
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}
