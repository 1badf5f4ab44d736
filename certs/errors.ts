/** Every way this library refuses, with what it means and what to do; docs/errors.md is checked against it. */
export const certsErrorSpecs = {
  ERR_DER_TRUNCATED: {
    meaning: "The DER data ends inside an element, or an element is larger than what encloses it.",
    fix: "send the complete file; check that it was not cut in transfer",
  },
  ERR_DER_NOT_CANONICAL: {
    meaning: "The data is BER but not DER: indefinite or padded length, padded INTEGER, odd BOOLEAN, loose BIT STRING.",
    fix: "re-encode it with a DER encoder",
  },
  ERR_DER_UNEXPECTED: {
    meaning: "An element has another type than its place requires, or a value outside what the type allows.",
    fix: "check that this is the kind of object that is expected here (certificate, CSR, key)",
  },
  ERR_DER_TRAILING_DATA: {
    meaning: "There are bytes behind the end of the object.",
    fix: "pass one object at a time, without anything after it",
  },
  ERR_DER_TOO_DEEP: {
    meaning: "The data nests deeper than the reader follows (derDepth in docs/limits.md).",
    fix: "nothing legitimate nests like that; find out where the data comes from",
  },
  ERR_DER_TOO_LARGE: {
    meaning: "The object, or a list in it, is larger than the limit for its kind (docs/limits.md).",
    fix: "use fewer names or extensions",
  },
  ERR_DER_TIME: {
    meaning: "A time is not written as RFC 5280 §4.1.2.5 requires, or cannot be written that way.",
    fix: "use UTCTime up to 2049 and GeneralizedTime from 2050, in UTC, with seconds and without fractions",
  },
  ERR_PEM_MALFORMED: {
    meaning: "A PEM block has no end, headers (old encryption), or is not base64.",
    fix: "export the file again, unencrypted, as plain PEM",
  },
  ERR_PEM_TOO_LARGE: {
    meaning: "The PEM text, or the number of blocks in it, exceeds the limit (docs/limits.md).",
    fix: "split the file, or remove what is not needed from it",
  },
  ERR_PEM_EMPTY: {
    meaning: "The text contains no PEM block of the kind that is needed.",
    fix: "check the path and that the file holds the right kind of block",
  },
  ERR_KEY_UNSUPPORTED: {
    meaning:
      "The key is of a type or size that is not accepted: weak RSA, unusual exponent, other curve, explicit curve parameters.",
    fix: "use P-256 (or P-384, RSA with 2048, 3072 or 4096 bits and exponent 65537, Ed25519)",
  },
  ERR_KEY_INVALID: {
    meaning: "The key is damaged: its point is not on the curve, or its halves do not belong together.",
    fix: "generate a new key",
  },
  ERR_CERT_MALFORMED: {
    meaning:
      "The certificate is valid DER but breaks RFC 5280: version, serial number, extensions, or algorithms that disagree.",
    fix: "have it issued again by a conforming certificate authority",
  },
  ERR_CSR_MALFORMED: {
    meaning: "The certificate request is valid DER but breaks RFC 2986.",
    fix: "create the request with a conforming tool",
  },
  ERR_TEMPLATE_INVALID: {
    meaning:
      "What is to be signed would not be a correct certificate (names, serial number, times, subject, algorithm).",
    fix: "correct the value that the message names",
  },
  ERR_CHAIN_EXPIRED: {
    meaning: "A certificate in the chain is past its end of validity.",
    fix: "fetch a fresh SVID or bundle; check the clocks of both machines",
  },
  ERR_CHAIN_NOT_YET_VALID: {
    meaning: "A certificate in the chain is not valid yet.",
    fix: "check the clocks of both machines",
  },
  ERR_CHAIN_LEAF_IS_CA: {
    meaning: "A certificate that may sign others was presented to authenticate a peer.",
    fix: "present the workload's own certificate first in the chain",
  },
  ERR_CHAIN_ISSUER_NOT_CA: {
    meaning: "A certificate was signed by one that is not a certificate authority.",
    fix: "nothing legitimate does that; treat the peer as hostile",
  },
  ERR_CHAIN_KEY_USAGE: {
    meaning: "A certificate lacks the key usage its place in the chain requires.",
    fix: "issue it with digitalSignature (leaf) or keyCertSign (certificate authority)",
  },
  ERR_CHAIN_EXTENDED_KEY_USAGE: {
    meaning: "The extended key usage of a certificate in the chain does not allow this role (client or server).",
    fix: "issue SVIDs with both serverAuth and clientAuth, and authorities without extended key usage",
  },
  ERR_CHAIN_PATH_LENGTH: {
    meaning: "There are more authorities below a certificate authority than its path length allows.",
    fix: "raise pathLenConstraint of that authority or issue from a higher one",
  },
  ERR_CHAIN_KEY_ID_MISMATCH: {
    meaning: "An authority has the right name, but its subject key id is not the one the certificate names.",
    fix: "refresh the bundle: the authority was replaced by another of the same name",
  },
  ERR_CHAIN_SIGNATURE_INVALID: {
    meaning: "The signature does not verify under the authority that the certificate names.",
    fix: "refresh the bundle; if it persists, the certificate is forged",
  },
  ERR_CHAIN_SIGNATURE_ALGORITHM: {
    meaning: "A certificate is signed with an algorithm that is not accepted (SHA-1, MD5, RSA-PSS, DSA).",
    fix: "issue it with ECDSA or RSA PKCS#1 over SHA-256, SHA-384 or SHA-512, or Ed25519",
  },
  ERR_CHAIN_KEY_UNSUPPORTED: {
    meaning: "An authority's public key is of a type or size that is not accepted, or damaged.",
    fix: "use an authority with a P-256, P-384, RSA (2048, 3072, 4096) or Ed25519 key",
  },
  ERR_CHAIN_CRITICAL_EXTENSION: {
    meaning: "A certificate carries a critical extension that this library does not process.",
    fix: "issue it without that extension, or not critical",
  },
  ERR_CHAIN_NAME_CONSTRAINTS: {
    meaning:
      "A name in the chain lies outside the name constraints of an authority, or the constraints are of a kind that is not processed.",
    fix: "issue from an authority that may issue for this name",
  },
  ERR_CHAIN_UNTRUSTED: {
    meaning: "No authority in the bundle, nor an intermediate that leads to one, issued this certificate.",
    fix: "check that the peer is of the trust domain it claims and that its bundle is present and fresh",
  },
  ERR_CHAIN_TOO_LONG: {
    meaning: "The chain, or the list of intermediates presented, exceeds the limit (docs/limits.md).",
    fix: "present only the certificates between the leaf and the trust anchor",
  },
  ERR_CHAIN_TOO_COMPLEX: {
    meaning: "Looking for a path took more signature checks than a legitimate chain needs.",
    fix: "remove intermediates that do not belong to the chain",
  },
} as const satisfies Readonly<Record<string, { readonly meaning: string; readonly fix: string }>>;

export type CertsErrorCode = keyof typeof certsErrorSpecs;

/** The only error that input from outside can cause in this library. `message` never contains key material. */
export class CertsError extends Error {
  override readonly name = "CertsError";
  readonly code: CertsErrorCode;

  constructor(code: CertsErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
