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
  ERR_JWT_AUTHORITY_KEY: {
    meaning: "The key cannot sign JWT-SVIDs: not EC P-256, P-384, P-521, nor RSA of 2048 to 8192 bits, or unreadable.",
    fix: "Use a key of one of those kinds, as a DER SubjectPublicKeyInfo.",
  },
  ERR_JWT_AUTHORITY_KEY_ID: {
    meaning: "The key id of a JWT key is empty, longer than 1024 bytes, or not valid Unicode.",
    fix: "Give each JWT key a short unique id.",
  },
  ERR_BUNDLE_TOO_LARGE: {
    meaning: "The bundle document has too many bytes or too many keys.",
    fix: "Remove keys that sign nothing any more; see docs/limits.md for the bounds.",
  },
  ERR_BUNDLE_JSON: {
    meaning: "The bundle document is not JSON in UTF-8, repeats a member name, or is nested too deeply.",
    fix: "Check that the file or URL really gives a SPIFFE bundle.",
  },
  ERR_BUNDLE_FORMAT: {
    meaning: "The document is JSON but no JWK Set: it has no array named keys.",
    fix: "Check that the file or URL really gives a SPIFFE bundle.",
  },
  ERR_BUNDLE_SEQUENCE: {
    meaning: "The sequence number of a bundle is not an integer from 0 to 2^64 - 1.",
    fix: "Have the publisher write spiffe_sequence as a plain integer, or leave it out.",
  },
  ERR_BUNDLE_REFRESH_HINT: {
    meaning: "The refresh hint of a bundle is not an integer number of seconds.",
    fix: "Have the publisher write spiffe_refresh_hint as a plain integer, or leave it out.",
  },
  ERR_BUNDLE_KEY_ID: {
    meaning: "Two different JWT keys of one bundle have the same key id.",
    fix: "Give each key its own id.",
  },
  ERR_BUNDLE_MAP_FORMAT: {
    meaning: "The document is JSON but no SPIFFE bundle map: it has no object named trust_domains.",
    fix: "Check that the file or URL really gives a bundle map.",
  },
  ERR_TRUST_DOMAIN_NOT_TRUSTED: {
    meaning: "There is no bundle for the trust domain of the SVID.",
    fix: "Federate with that trust domain, or check that the peer belongs to the expected one.",
  },
  ERR_BUNDLE_NO_X509_AUTHORITIES: {
    meaning: "The bundle of the SVID's trust domain has no X.509 authority, so none of its X509-SVIDs is trusted.",
    fix: "Wait for a newer bundle, or ask that trust domain's operator whether it issues X509-SVIDs.",
  },
  ERR_BUNDLE_NO_JWT_AUTHORITIES: {
    meaning: "The bundle of the token's trust domain has no JWT key, so none of its JWT-SVIDs is trusted.",
    fix: "Wait for a newer bundle, or ask that trust domain's operator whether it issues JWT-SVIDs.",
  },
  ERR_X509_SVID_ENCODING: {
    meaning: "The bytes are not a sequence of DER certificates, or one of them is malformed.",
    fix: "Give DER certificates, leaf first, one after the other and nothing else.",
  },
  ERR_X509_SVID_CHAIN_LENGTH: {
    meaning: "The chain has no certificate or too many.",
    fix: "Present the leaf and its intermediates only.",
  },
  ERR_X509_SVID_URI_SAN: {
    meaning: "The leaf has no URI subject alternative name, or more than one.",
    fix: "Issue the certificate with exactly one URI, its SPIFFE ID.",
  },
  ERR_X509_SVID_ID: {
    meaning: "The URI subject alternative name of the leaf is not a SPIFFE ID.",
    fix: "Issue the certificate with a valid SPIFFE ID; the cause says what is wrong with this one.",
  },
  ERR_X509_SVID_NO_PATH: {
    meaning: "The SPIFFE ID of the leaf has no path, so it names a trust domain and not a workload.",
    fix: "Issue the certificate with a SPIFFE ID that has a path.",
  },
  ERR_X509_SVID_SIGNING_CERTIFICATE: {
    meaning: "The leaf is a CA certificate or may sign certificates or CRLs; such a certificate never authenticates.",
    fix: "Present an end-entity certificate.",
  },
  ERR_X509_SVID_KEY_USAGE: {
    meaning: "The leaf has no key usage extension, or one without digitalSignature.",
    fix: "Issue X509-SVIDs with key usage digitalSignature (X509-SVID §4.3).",
  },
  ERR_X509_SVID_UNTRUSTED: {
    meaning: "The chain does not verify under the authorities of the SVID's own trust domain.",
    fix: "The cause says which rule failed: expired, unknown issuer, wrong signature or another.",
  },
  ERR_X509_SVID_KEY: {
    meaning: "The private key is unreadable or does not belong to the leaf.",
    fix: "Give the unencrypted PKCS#8 key whose public half is in the leaf.",
  },
  ERR_JWT_SVID_TOO_LONG: {
    meaning: "The token is longer than 16 KiB.",
    fix: "Request the token with fewer or shorter audiences and claims.",
  },
  ERR_JWT_SVID_FORMAT: {
    meaning: "The token is not a JWS in compact serialization: three base64url parts, the first two JSON objects.",
    fix: "Send the token exactly as it was issued, without the word Bearer, quotes or spaces.",
  },
  ERR_JWT_SVID_ALGORITHM: {
    meaning: "The token's alg is not one of RS256, RS384, RS512, ES256, ES384, ES512, PS256, PS384, PS512.",
    fix: "Sign JWT-SVIDs with one of those algorithms.",
  },
  ERR_JWT_SVID_TYPE: {
    meaning: "The token's typ is present and neither JWT nor JOSE.",
    fix: "Check that the token is a JWT-SVID and not another kind of token.",
  },
  ERR_JWT_SVID_HEADER: {
    meaning: "The token's header has a member other than alg, kid and typ, or its kid is not a non-empty string.",
    fix: "Issue JWT-SVIDs with those three header members only.",
  },
  ERR_JWT_SVID_SUBJECT: {
    meaning: "The token's sub is missing or not a SPIFFE ID.",
    fix: "Check that the token is a JWT-SVID; the cause says what is wrong with its subject.",
  },
  ERR_JWT_SVID_AUDIENCE: {
    meaning: "The token's aud is missing, empty, or neither a string nor an array of strings.",
    fix: "Issue the token with at least one audience.",
  },
  ERR_JWT_SVID_CLAIM: {
    meaning: "The token's exp is missing, or exp, nbf or iat is not a number.",
    fix: "Issue the token with exp in seconds since 1970.",
  },
  ERR_JWT_SVID_EXPECTED_AUDIENCE: {
    meaning: "The validator was given no audience to look for, or an empty one.",
    fix: "Tell the validator by which name callers address it.",
  },
  ERR_JWT_SVID_WRONG_AUDIENCE: {
    meaning: "No audience of the token equals the validator's own.",
    fix: "Request the token for the exact audience of the service that is called; matching is case-sensitive.",
  },
  ERR_JWT_SVID_KEY_UNKNOWN: {
    meaning: "The bundle of the token's trust domain has no key with the token's kid, or none that fits its alg.",
    fix: "Fetch a newer bundle; if the key was revoked, request a new token.",
  },
  ERR_JWT_SVID_KEY_MISMATCH: {
    meaning: "The key named by the token's kid is of another kind than its alg needs.",
    fix: "Treat the token as forged unless the issuer is known to be broken.",
  },
  ERR_JWT_SVID_SIGNATURE: {
    meaning: "The token's signature is not by the key of its trust domain.",
    fix: "Request a new token; if it persists, treat the token as forged.",
  },
  ERR_JWT_SVID_EXPIRED: {
    meaning: "The token has expired.",
    fix: "Request a new token, and check that the clocks of both hosts agree.",
  },
  ERR_JWT_SVID_NOT_YET_VALID: {
    meaning: "The token is not valid yet.",
    fix: "Check that the clocks of both hosts agree.",
  },
  ERR_ENDPOINT_ADDRESS: {
    meaning: "The address is not of the form unix:///path/to.sock or tcp://IP:PORT.",
    fix: "Write unix:// followed by an absolute path, or tcp:// with an IP address and a port and nothing more.",
  },
  ERR_ENDPOINT_ADDRESS_MISSING: {
    meaning: "Neither an explicit address nor the environment variable says where the endpoint is.",
    fix: "Set SPIFFE_ENDPOINT_SOCKET, for example to unix:///run/countersign/agent/public/api.sock.",
  },
} as const satisfies Record<string, SpiffeErrorSpec>;

/** A code explained. */
export interface SpiffeErrorSpec {
  /** What happened. */
  readonly meaning: string;
  /** What to do about it. */
  readonly fix: string;
}

/** Stable; see docs/errors.md. */
export type SpiffeErrorCode = keyof typeof spiffeErrorSpecs;

/**
 * The one error this folder throws for bad input. Messages never contain tokens or keys, and quote at most one
 * character of what was given, so they can be shown to whoever sent it.
 */
export class SpiffeError extends Error {
  /** Always `SpiffeError`. */
  override readonly name = "SpiffeError";
  /** What is wrong; stable, so switch on it and not on the message. */
  readonly code: SpiffeErrorCode;
  /** What to do about it. */
  readonly fix: string;

  /** `message` must quote nothing secret. */
  constructor(code: SpiffeErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.fix = spiffeErrorSpecs[code].fix;
  }
}
