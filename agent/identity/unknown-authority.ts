import type { Clock } from "../../runtime/core/index.ts";

/** What a chain says that no authority of the bundle has signed, whatever its names are. */
const codes: ReadonlySet<unknown> = new Set([
  "ERR_CHAIN_UNTRUSTED",
  "ERR_CHAIN_KEY_ID_MISMATCH",
  "ERR_CHAIN_SIGNATURE_INVALID",
]);

/** Remembers since when, without a break, the server shows a certificate of authorities that the agent does not know. */
export class UnknownAuthority {
  readonly #clock: Clock;
  #since: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds; `undefined` while the server is not known to be unknown. */
  get forMs(): number | undefined {
    return this.#since === undefined ? undefined : this.#clock.monotonic() - this.#since;
  }

  /** A call has failed. Only a handshake that failed for this reason counts; a server that is away proves nothing. */
  failed(error: unknown): void {
    if (isUnknownAuthority(error)) this.#since ??= this.#clock.monotonic();
  }

  /** The server has been verified. */
  verified(): void {
    this.#since = undefined;
  }
}

/** What else does not verify, such as an SVID in an answer, says nothing of the server: it has been verified by then. */
function isUnknownAuthority(error: unknown): boolean {
  let isHandshake = false;
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (!("code" in cause)) continue;
    if (cause.code === "ERR_SERVER_UNTRUSTED") isHandshake = true;
    else if (isHandshake && codes.has(cause.code)) return true;
  }
  return false;
}
