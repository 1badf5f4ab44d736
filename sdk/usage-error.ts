/** What is wrong with how the SDK is used, found at the call that is wrong. */
export type UsageErrorCode =
  | "ERR_AUTHORIZE_MISSING"
  | "ERR_AUDIENCE_MISSING"
  | "ERR_OPTION_UNKNOWN"
  | "ERR_ARGUMENT_INVALID"
  | "ERR_PEER_UNKNOWN"
  | "ERR_LIBRARY_UNSUITED"
  | "ERR_TEST_NO_CHANGE";

/** Code → meaning and fix, for docs/errors.md. */
export const usageErrorSpecs: Readonly<Record<UsageErrorCode, { readonly meaning: string; readonly fix: string }>> = {
  ERR_AUTHORIZE_MISSING: {
    meaning: "It was not said who may be at the other end, and there is no default.",
    fix: 'give `authorize`: id("spiffe://example.org/db"), memberOf("example.org") or another authoriser',
  },
  ERR_AUDIENCE_MISSING: {
    meaning: "It was not said whom a JWT-SVID is for, and there is no default.",
    fix: 'give the name of the service that is called, as that service knows itself: audience: "db"',
  },
  ERR_OPTION_UNKNOWN: {
    meaning: "An option that there is not: misspelt, or of another function. It is not taken in silence.",
    fix: "correct its name, or leave it out; the message lists those that there are",
  },
  ERR_ARGUMENT_INVALID: {
    meaning: "An argument or an option is of the wrong kind, or has a value that cannot be meant.",
    fix: "give what the message says",
  },
  ERR_PEER_UNKNOWN: {
    meaning:
      "Nobody is known to be at the other end: it is not of a connection or request that the SDK verified, or that is over.",
    fix: "give it what came through a server or client of the SDK (callerOf: through one of its bearer… functions), while it lasts",
  },
  ERR_LIBRARY_UNSUITED: {
    meaning: "The library, or this way to use it, has no place for our verification.",
    fix: "see the README for the versions and the ways that work",
  },
  ERR_TEST_NO_CHANGE: {
    meaning: "Testing kit: the change of a source that a test waits for did not come.",
    fix: "do what changes this source: rotate(), deny() and the like an X509Source, a token that comes or is withdrawn a JwtSource, a change of authorities a BundleSource; with a TestClock, advance it",
  },
};

/**
 * The SDK is used in a way that cannot work: a mistake in the program, told where it is made. A `TypeError`, also by
 * name, with a code. `message` holds no key material and no token.
 */
export class UsageError extends TypeError {
  /** Which mistake; stable, so switch on it and not on the message. */
  readonly code: UsageErrorCode;
  /** What to do about it. Never empty. */
  readonly fix: string;

  /** `message` must hold no key material and no token. */
  constructor(
    code: UsageErrorCode,
    message: string,
    options: { readonly fix?: string; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.fix = options.fix ?? usageErrorSpecs[code].fix;
  }
}
