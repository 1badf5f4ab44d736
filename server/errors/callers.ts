import type { ErrorSpec } from "../../transport/errors/service-error.ts";

/** Of callers, what they may do, and how often. */
export const callersErrors = {
  ERR_NOT_AUTHORIZED: {
    status: "permissionDenied",
    meaning: "This caller may not call this method.",
    fix: "use the admin socket, or an SVID whose entry has the admin flag; docs/spire-compatibility.md lists who may call what",
  },
  ERR_CALLER_EXPIRED: {
    status: "unauthenticated",
    meaning: "The SVID of this connection has expired since the connection was made.",
    fix: "connect again with a current SVID",
  },
  ERR_CALLER_DISTRUSTED: {
    status: "unauthenticated",
    meaning: "The authority that signed the SVID of this connection is no longer in its trust domain's bundle.",
    fix: "get an SVID from a current authority and connect again",
  },
  ERR_AGENT_EXPIRED: {
    status: "permissionDenied",
    meaning: "The agent's SVID has expired.",
    fix: "attest the agent again",
  },
  ERR_AGENT_NOT_ATTESTED: {
    status: "permissionDenied",
    meaning: "There is no attested node of this id; confirmed in the store.",
    fix: "attest the agent again; after an eviction a join-token agent needs a new token",
  },
  ERR_AGENT_ISSUER: {
    status: "permissionDenied",
    meaning:
      "The agent's SVID was signed by a server below this one. Agents of this server have theirs from this server itself.",
    fix: "point the agent at the server it attested to; if nobody did that by mistake, a server below is forging identities",
  },
  ERR_AGENT_NOT_ACTIVE: {
    status: "permissionDenied",
    meaning:
      "The serial number of the agent's SVID is neither the current nor the pending one: a newer SVID is in use, or this one is a copy.",
    fix: "use the newest SVID; if nobody renewed it, somebody else has the key: evict the agent and attest it again",
  },
  ERR_AGENT_BANNED: {
    status: "permissionDenied",
    meaning: "The agent is banned; confirmed in the store.",
    fix: "evict the agent to lift the ban, then attest it again",
  },
  ERR_AGENT_MUST_REATTEST: {
    status: "permissionDenied",
    meaning: "Nodes of this attestation type attest again instead of renewing.",
    fix: "attest the agent again",
  },
  ERR_RATE_LIMITED: {
    status: "resourceExhausted",
    meaning:
      "This address, or this agent, makes more calls of this kind than its rate allows, and would have to wait longer than 2 s.",
    fix: "call again after the delay in the details; the rates are in the server's configuration (rate_limits)",
  },
  ERR_RATE_BURST: {
    status: "resourceExhausted",
    meaning: "One call asks for more items than the rate limit's burst; it can never succeed.",
    fix: "split the batch",
  },
} as const satisfies Readonly<Record<string, ErrorSpec>>;
