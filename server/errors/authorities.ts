import type { ErrorSpec } from "../../transport/errors/service-error.ts";

/** Of local authorities and of those above and below. */
export const authoritiesErrors = {
  ERR_AUTHORITY_TRANSITION: {
    status: "failedPrecondition",
    meaning: "The authority is not in a state from which this can be done.",
    fix: "list the local authorities and pick one in the right state",
  },
  ERR_AUTHORITY_ID: {
    status: "invalidArgument",
    meaning: "The authority id is missing, or not that of an authority with which this can be done.",
    fix: "take the id from `localauthority x509 show` or `jwt show`: activate takes the prepared one, taint and revoke the old one; `upstreamauthority` takes the old one's upstream authority",
  },
  ERR_UPSTREAM_AUTHORITY: {
    status: "failedPrecondition",
    meaning:
      "Where CAs come from an upstream authority, it is the upstream's key that is tainted and revoked, and nowhere else.",
    fix: "with an upstream authority use `upstreamauthority taint` and `revoke`, without one `localauthority x509`",
  },
  ERR_REVOCATION_UNSAFE: {
    status: "failedPrecondition",
    meaning: "Something still rests on the authority, and would be refused once it is revoked; nothing was changed.",
    fix: "wait until it has been replaced (CheckRevocation names everything), or revoke with --force",
  },
  ERR_JWT_DISABLED: {
    status: "unimplemented",
    meaning: "This server issues no JWT-SVIDs, and has no JWT keys.",
    fix: "switch JWT-SVIDs on in the server's configuration",
  },
  ERR_AUTHORITY_UNAVAILABLE: {
    status: "unavailable",
    meaning:
      "There is no authority that can sign: the first one is still being made, or the last one ended and could not be replaced.",
    fix: "call again; if it stays, the server's log says why no authority could be prepared",
  },
  ERR_AUTHORITY_MINT_REJECTED: {
    status: "internal",
    meaning: "The upstream authority returned a CA certificate that SVIDs could not be verified under.",
    fix: "check the upstream authority's profile: CA certificate, certificate signing, the trust domain as its only URI name",
  },

  ERR_UPSTREAM_UNAVAILABLE: {
    status: "unavailable",
    meaning: "The authority above this server could not be asked, or refused; the message says why.",
    fix: "check that the server above runs, and that this server's process has an entry there with the downstream flag",
  },
  ERR_UPSTREAM_FILES: {
    status: "failedPrecondition",
    meaning: "The certificate, key or bundle file of the authority above cannot be used.",
    fix: "correct the file that the message names; it is read again by itself",
  },
  ERR_DOWNSTREAM_PATH_LENGTH: {
    status: "failedPrecondition",
    meaning: "The path length in this server's CA certificate leaves no room for a CA below it.",
    fix: "have the CA above issue certificates without a path length, or with a greater one",
  },
  ERR_JWT_KEY_EXPIRED: {
    status: "invalidArgument",
    meaning: "The JWT key to be published has expired.",
    fix: "check the clocks of both servers; the server below makes a new key at its next rotation",
  },
  ERR_JWT_KEY_ENDLESS: {
    status: "invalidArgument",
    meaning: "The JWT key to be published has no expiry, so it would stay in every bundle for ever.",
    fix: "publish the key with the time at which it stops signing",
  },
  ERR_JWT_KEY_TAKEN: {
    status: "alreadyExists",
    meaning: "The bundle has another key under that key id. A key id is never handed over.",
    fix: "publish the key under a random id of its own",
  },
} as const satisfies Readonly<Record<string, ErrorSpec>>;
