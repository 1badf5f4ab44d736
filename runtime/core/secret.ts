import { inspect } from "node:util";

/** A value that never shows in logs, JSON or inspection; `reveal()` is the only way to it. */
export class Secret<T> {
  readonly #value: T;

  /** Keeps `value` where no property, JSON or inspection finds it. */
  constructor(value: T) {
    this.#value = value;
  }

  /** The value itself: the caller answers for where it goes. */
  reveal(): T {
    return this.#value;
  }

  /** `[redacted]`: template strings and concatenation show no secret. */
  toString(): string {
    return "[redacted]";
  }

  /** `[redacted]`: JSON, and loggers that write it, show no secret. */
  toJSON(): string {
    return "[redacted]";
  }

  /** `[redacted]`: `console.log` and `util.inspect` show no secret. */
  [inspect.custom](): string {
    return "[redacted]";
  }
}
