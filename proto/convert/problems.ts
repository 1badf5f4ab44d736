import { CertsError } from "../../certs/index.ts";
import { SpiffeError } from "../../spiffe/index.ts";
import { commonErrors } from "../../transport/errors/common.ts";

/** More are not worth a longer message. */
const mostReported = 20;

/** Everything that is wrong with one message, so that its sender hears of all at once. Fields are named as on the wire. */
export class Problems {
  readonly #found: string[] = [];

  /** `problem`: lower case, safe to send back. */
  add(field: string, problem: string): void {
    this.#found.push(`${field}: ${problem}`);
  }

  /** The value of `parse`, or a problem when it throws an error about the value itself. */
  attempt<Value>(field: string, parse: () => Value): Value | undefined {
    try {
      return parse();
    } catch (error) {
      if (!isAboutTheValue(error)) throw error;
      this.add(field, error.message);
      return undefined;
    }
  }

  get isEmpty(): boolean {
    return this.#found.length === 0;
  }

  /** Throws `ERR_MALFORMED_REQUEST` naming every bad field, when there is any. */
  throwIfAny(): void {
    if (this.#found.length > 0) throw this.error();
  }

  error(): Error {
    const shown = this.#found.slice(0, mostReported);
    const more = this.#found.length - shown.length;
    return commonErrors.error("ERR_MALFORMED_REQUEST", shown.join("; ") + (more > 0 ? `; and ${more} more` : ""));
  }
}

/** Parsers of the vocabulary and of certificates throw errors with a code; anything else is a fault of ours. */
function isAboutTheValue(error: unknown): error is SpiffeError | CertsError {
  return error instanceof SpiffeError || error instanceof CertsError;
}

/** Decodes one message with `read`; what `read` returned counts only when it found no problem. */
export function decodeWith<Value>(read: (problems: Problems) => Value | undefined): Value {
  const problems = new Problems();
  const value = read(problems);
  problems.throwIfAny();
  if (value === undefined) throw new TypeError("a decoder gave neither a value nor a problem");
  return value;
}
