/** Every code of this folder: what it means and what to do about it. docs/errors.md is checked against it. */
export const spiffeErrorSpecs = {
  ERR_SPIFFE_ID_EMPTY: {
    meaning: "The SPIFFE ID is an empty string.",
    fix: "Give an ID such as spiffe://example.org/web.",
  },
  ERR_SPIFFE_ID_SCHEME: {
    meaning: "The SPIFFE ID does not start with the lower-case text spiffe://.",
    fix: "Start the ID with spiffe://, in lower case.",
  },
  ERR_SPIFFE_ID_TOO_LONG: {
    meaning: "The SPIFFE ID has more than 2048 bytes.",
    fix: "Shorten the path; scheme, trust domain and path together may have 2048 bytes.",
  },
  ERR_TRUST_DOMAIN_EMPTY: { meaning: "The trust domain name is empty.", fix: "Give a name such as example.org." },
  ERR_TRUST_DOMAIN_TOO_LONG: {
    meaning: "The trust domain name has more than 255 bytes.",
    fix: "Choose a name of at most 255 characters.",
  },
  ERR_TRUST_DOMAIN_CHARACTER: {
    meaning: "The trust domain name has a character other than a-z, 0-9, dot, hyphen and underscore.",
    fix: "Use lower case only; leave out port, user name, percent-encoding, query and fragment.",
  },
  ERR_TRUST_DOMAIN_PATH: {
    meaning: "A trust domain was expected, but the value names a SPIFFE ID with a path.",
    fix: "Give the bare name (example.org) or the ID of the trust domain without a path (spiffe://example.org).",
  },
  ERR_SPIFFE_PATH_START: {
    meaning: "The path of a SPIFFE ID does not start with a slash.",
    fix: "Start the path with / or leave it empty.",
  },
  ERR_SPIFFE_PATH_EMPTY_SEGMENT: {
    meaning: "The path of a SPIFFE ID has an empty segment.",
    fix: "Remove the doubled slash or give the segment a name.",
  },
  ERR_SPIFFE_PATH_TRAILING_SLASH: {
    meaning: "The path of a SPIFFE ID ends in a slash.",
    fix: "Remove the slash at the end.",
  },
  ERR_SPIFFE_PATH_DOT_SEGMENT: {
    meaning: "The path of a SPIFFE ID has a segment that is . or ..",
    fix: "Write the path out without relative segments.",
  },
  ERR_SPIFFE_PATH_CHARACTER: {
    meaning: "The path of a SPIFFE ID has a character other than A-Z, a-z, 0-9, dot, hyphen and underscore.",
    fix: "Use only those characters; percent-encoding, queries and fragments are not part of a SPIFFE ID.",
  },
  ERR_SELECTOR_FORMAT: {
    meaning: "The selector is not of the form type:value.",
    fix: "Write the selector as type:value, for example unix:uid:1000.",
  },
  ERR_SELECTOR_TYPE: {
    meaning: "The selector type is empty, too long or contains a colon.",
    fix: "Name the attestor before the first colon, for example unix.",
  },
  ERR_SELECTOR_VALUE: {
    meaning: "The selector value is empty or too long.",
    fix: "Give a value after the first colon, for example uid:1000.",
  },
  ERR_SELECTOR_CHARACTER: {
    meaning: "The selector contains a NUL character or text that is not valid Unicode.",
    fix: "Remove the character.",
  },
} as const satisfies Record<string, SpiffeErrorSpec>;

export interface SpiffeErrorSpec {
  readonly meaning: string;
  readonly fix: string;
}

export type SpiffeErrorCode = keyof typeof spiffeErrorSpecs;

/**
 * The one error this folder throws for bad input. Messages never contain tokens or keys, and quote at most one
 * character of what was given, so they can be shown to whoever sent it.
 */
export class SpiffeError extends Error {
  override readonly name = "SpiffeError";
  readonly code: SpiffeErrorCode;

  constructor(code: SpiffeErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
