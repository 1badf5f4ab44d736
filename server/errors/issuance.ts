import type { ErrorSpec } from "../../transport/errors/service-error.ts";

/** Of the issuance of SVIDs. */
export const issuanceErrors = {
  ERR_CSR_TOO_LARGE: {
    status: "invalidArgument",
    meaning: "The certificate request is longer than the server reads (docs/limits.md).",
    fix: "send a request with a key and nothing else; names come from the entry",
  },
  ERR_CSR_MALFORMED: {
    status: "invalidArgument",
    meaning: "The certificate request is not a DER PKCS#10 request.",
    fix: "send one PKCS#10 certification request in DER",
  },
  ERR_CSR_SIGNATURE: {
    status: "invalidArgument",
    meaning: "The certificate request is not signed by the key it asks a certificate for.",
    fix: "sign the request with the private key of the public key in it",
  },
  ERR_CSR_KEY_UNSUPPORTED: {
    status: "invalidArgument",
    meaning: "The key in the certificate request is of a type or strength that is not certified.",
    fix: "use P-256, P-384, Ed25519, or RSA of 2048 or 4096 bits with exponent 65537",
  },
  ERR_CSR_KEY_BLOCKED: {
    status: "invalidArgument",
    meaning:
      "The key in the certificate request must not be certified: its private half is published, or it is a signing authority's own key.",
    fix: "make a fresh key",
  },
  ERR_SVID_LIFETIME: {
    status: "failedPrecondition",
    meaning: "Less than a second of life is left between now and the end of the entry or of the signing authority.",
    fix: "check the entry's expiry; otherwise call again when the server has rotated its authority",
  },
  ERR_SVID_ID_REFUSED: {
    status: "internal",
    meaning: "An SVID was asked for under an id that this server or this path of issuance does not issue.",
    fix: "report it: ids are checked before they come to issuance",
  },
  ERR_SVID_NAMES: {
    status: "failedPrecondition",
    meaning: "A name in the entry cannot be put into a certificate.",
    fix: "correct the DNS names of the entry",
  },
  ERR_MINT_REFUSED: {
    status: "invalidArgument",
    meaning:
      "The names in the request break a rule: one SPIFFE ID of this trust domain, not under /spire; legal DNS names.",
    fix: "correct the name that the message is about",
  },
  ERR_SVID_AUDIENCE: {
    status: "invalidArgument",
    meaning: "A JWT-SVID needs one to a bounded number of non-empty audiences.",
    fix: "name the audience the token is for",
  },
  ERR_SVID_RECHECK: {
    status: "internal",
    meaning: "What was signed is not what was asked for; it was thrown away.",
    fix: "report it with the log line of the same request id",
  },
  ERR_ISSUANCE_UNAVAILABLE: {
    status: "unavailable",
    meaning: "The signing workers are not able to take the request: they are restarting, overloaded or stopping.",
    fix: "call again after a moment",
  },
} as const satisfies Readonly<Record<string, ErrorSpec>>;
