import { defineErrors, type ErrorTable } from "../../transport/index.ts";

/** Codes of the Workload API beside the agent's and the attestors'. Each has a row in docs/errors.md. */
export const workloadApiErrors: ErrorTable<
  | "ERR_NO_IDENTITY"
  | "ERR_NOT_ENTITLED"
  | "ERR_IDENTITY_WITHHELD"
  | "ERR_BUNDLE_MISSING"
  | "ERR_SECURITY_HEADER"
  | "ERR_AUDIENCE_REQUIRED"
  | "ERR_AUDIENCE_TOO_LARGE"
  | "ERR_SPIFFE_ID_MALFORMED"
  | "ERR_SVID_REQUIRED"
  | "ERR_JWT_SVID_INVALID"
  | "ERR_HOLD_LIMIT"
  | "ERR_HEALTH_SERVICE_UNKNOWN"
> = defineErrors({
  ERR_NO_IDENTITY: {
    status: "permissionDenied",
    meaning: "No registration entry on this agent matches the caller, or the last one that did was removed.",
    fix: "register an entry whose selectors fit this process and whose parent is this agent, then call again",
  },
  ERR_NOT_ENTITLED: {
    status: "permissionDenied",
    meaning: "The caller has identities, but not the SPIFFE ID it asked for.",
    fix: "ask for an identity that the caller has, or leave spiffe_id empty to get all of them",
  },
  ERR_IDENTITY_WITHHELD: {
    status: "unavailable",
    meaning: "An entry matches the caller, but there is no valid SVID for it yet; the agent keeps trying to get one.",
    fix: "call again; if it lasts, look at the agent's log for why the server did not sign",
  },
  ERR_BUNDLE_MISSING: {
    status: "unavailable",
    meaning: "The agent holds no X.509 authority of its own trust domain, so nothing could be verified.",
    fix: "check that the agent has reached its server at least once",
  },
  ERR_SECURITY_HEADER: {
    status: "invalidArgument",
    meaning: "A Workload API call came without exactly one metadata value workload.spiffe.io: true (WEP-10).",
    fix: "send the metadata workload.spiffe.io with the value true on every call",
  },
  ERR_AUDIENCE_REQUIRED: {
    status: "invalidArgument",
    meaning: "A JWT-SVID was asked for, or to be validated, without an audience, or with an empty one.",
    fix: "name the audience the token is meant for",
  },
  ERR_AUDIENCE_TOO_LARGE: {
    status: "invalidArgument",
    meaning: "More or longer audiences than the agent accepts (docs/limits.md).",
    fix: "ask for fewer or shorter audiences, best one a token",
  },
  ERR_SPIFFE_ID_MALFORMED: {
    status: "invalidArgument",
    meaning: "The SPIFFE ID in the request does not parse.",
    fix: "use the form spiffe://trust-domain/path",
  },
  ERR_SVID_REQUIRED: {
    status: "invalidArgument",
    meaning: "ValidateJWTSVID was called without a token.",
    fix: "put the JWT-SVID into the field svid",
  },
  ERR_JWT_SVID_INVALID: {
    status: "invalidArgument",
    meaning:
      "The token is no JWT-SVID that this caller may trust for this audience; the message says which check failed.",
    fix: "fetch a fresh token for this audience; for a foreign trust domain, let the caller's entry federate with it",
  },
  ERR_HOLD_LIMIT: {
    status: "unavailable",
    meaning: "Too many callers without identity wait already, in all or under this uid (docs/limits.md).",
    fix: "call again later; find the processes without an entry that keep calling",
  },
  ERR_HEALTH_SERVICE_UNKNOWN: {
    status: "notFound",
    meaning: "The health of a service was asked for that this socket does not report on.",
    fix: "leave the service name empty, or use SpiffeWorkloadAPI",
  },
});
