import { defineErrors, type ErrorTable } from "../transport/index.ts";

/** Codes of the agent's core. The Workload API and the workload attestors have tables of their own beside them. */
export const agentErrors: ErrorTable<
  | "ERR_AGENT_NOT_READY"
  | "ERR_AGENT_BANNED"
  | "ERR_AGENT_EVICTED"
  | "ERR_AGENT_SVID_EXPIRED"
  | "ERR_AGENT_STOPPING"
  | "ERR_ATTESTATION_REFUSED"
  | "ERR_ATTESTATION_INCONSISTENT"
  | "ERR_REBOOTSTRAP_UNSUPPORTED"
  | "ERR_JOIN_TOKEN_UNREADABLE"
  | "ERR_X509POP_FILES"
  | "ERR_SERVER_UNTRUSTED"
  | "ERR_BOOTSTRAP_BUNDLE"
  | "ERR_NODE_STATE_CORRUPT"
  | "ERR_NODE_STATE_EXPOSED"
  | "ERR_NODE_STATE_UNREADABLE"
  | "ERR_ENTRY_GONE"
  | "ERR_SVID_PENDING"
  | "ERR_SVID_EXPIRED"
  | "ERR_SVID_REFUSED"
  | "ERR_SVID_UNUSABLE"
  | "ERR_JWT_UNAVAILABLE"
  | "ERR_JWT_LIMITED"
  | "ERR_JWT_REFUSED"
  | "ERR_SYNC_PROTOCOL"
  | "ERR_RESPONSE_UNUSABLE"
> = defineErrors({
  ERR_AGENT_NOT_READY: {
    status: "unavailable",
    meaning: "The agent has no identity yet: it is still attesting to the server.",
    fix: "wait; if it lasts, read the agent's log for why the server cannot be reached or refuses",
  },
  ERR_AGENT_BANNED: {
    status: "permissionDenied",
    meaning: "The server has banned this agent; it has wiped its identities and stopped.",
    fix: "evict the agent on the server to lift the ban, then start it with a new join token",
  },
  ERR_AGENT_EVICTED: {
    status: "unavailable",
    meaning: "The server no longer accepts this agent's identity, and the agent cannot attest again by itself.",
    fix: "start the agent with a new join token",
  },
  ERR_AGENT_SVID_EXPIRED: {
    status: "unavailable",
    meaning: "The agent's own SVID expired before it could be renewed, and the agent cannot attest again by itself.",
    fix: "start the agent with a new join token, or put one into its join token file",
  },
  ERR_AGENT_STOPPING: {
    status: "unavailable",
    meaning: "The agent is stopping.",
    fix: "call again; clients reconnect by themselves",
  },
  ERR_ATTESTATION_REFUSED: {
    status: "permissionDenied",
    meaning:
      "The server refused the attestation for good: the token is unknown, used or expired, the certificate is not accepted, or the node is banned.",
    fix: "the message has the server's reason; give the agent a new join token, or a certificate that the server accepts",
  },
  ERR_ATTESTATION_INCONSISTENT: {
    status: "internal",
    meaning:
      "The server's answer to the attestation does not fit: another key, another trust domain, or not under the bundle.",
    fix: "check that the address and the trust domain belong to the same server",
  },
  ERR_REBOOTSTRAP_UNSUPPORTED: {
    status: "failedPrecondition",
    meaning: "rebootstrap is `always`, and this node cannot attest again by itself.",
    fix: "use a node attestor that lets nodes attest again, or set rebootstrap to auto or never",
  },
  ERR_JOIN_TOKEN_UNREADABLE: {
    status: "failedPrecondition",
    meaning: "The agent has to attest but has no join token, or the join token file cannot be read.",
    fix: "give --join-token or a readable --join-token-file",
  },
  ERR_X509POP_FILES: {
    status: "failedPrecondition",
    meaning: "A file of x509pop cannot be read, or key and certificate do not belong together.",
    fix: "correct the files that the message names; they are read at each attempt",
  },
  ERR_SERVER_UNTRUSTED: {
    status: "unavailable",
    meaning: "The server's certificate does not verify under the trust domain's bundle as the server's SPIFFE ID.",
    fix: "check address and trust domain; if all its authorities were replaced, set rebootstrap, or remove bundle.json from the data directory and bootstrap again",
  },
  ERR_BOOTSTRAP_BUNDLE: {
    status: "failedPrecondition",
    meaning: "The bootstrap bundle cannot be read, or holds no X.509 authority.",
    fix: "give --bundle a PEM file or a SPIFFE bundle of the server's trust domain",
  },
  ERR_NODE_STATE_CORRUPT: {
    status: "failedPrecondition",
    meaning: "A file in the agent's data directory does not have the form that the agent writes.",
    fix: "restore the file, or remove it and attest again",
  },
  ERR_NODE_STATE_EXPOSED: {
    status: "failedPrecondition",
    meaning:
      "A file in the agent's data directory is one that others may read or write, or that another user made: its key may be known, its bundle replaced.",
    fix: "remove the file and attest again; only where it is certain that nobody used it: chown it to the agent's user and chmod 600 it",
  },
  ERR_NODE_STATE_UNREADABLE: {
    status: "failedPrecondition",
    meaning:
      "The agent's data directory, or a file in it, cannot be used: a link, folder or device is in its place, or rights are missing. The cause names which.",
    fix: "put the file or folder back, or remove what is in its place and attest again; the agent follows no links there",
  },
  ERR_ENTRY_GONE: {
    status: "permissionDenied",
    meaning: "The registration entry of this identity is no longer on this agent.",
    fix: "fetch again; create the entry if it is missing",
  },
  ERR_SVID_PENDING: {
    status: "unavailable",
    meaning: "An entry matches, and its SVID is being fetched.",
    fix: "wait; it comes as soon as the server can be reached",
  },
  ERR_SVID_EXPIRED: {
    status: "unavailable",
    meaning: "An entry matches, but its SVID expired and could not be renewed.",
    fix: "restore the connection between agent and server",
  },
  ERR_SVID_REFUSED: {
    status: "unavailable",
    meaning: "An entry matches, but the server refused to sign its SVID.",
    fix: "the agent's log has the server's reason",
  },
  ERR_SVID_UNUSABLE: {
    status: "internal",
    meaning: "The server signed something else than was asked for: another key, another SPIFFE ID, or no valid time.",
    fix: "compare the clocks of agent and server; the agent's log has the difference",
  },
  ERR_JWT_UNAVAILABLE: {
    status: "unavailable",
    meaning: "The server cannot be asked for a JWT-SVID, and no valid one is cached.",
    fix: "call again once the agent is connected to the server",
  },
  ERR_JWT_LIMITED: {
    status: "unavailable",
    meaning: "The server signs no more JWT-SVIDs for this agent for now, and no valid one is cached.",
    fix: "call again after the delay that comes with the error; keep tokens for half of their life; see rate_limits of the server",
  },
  ERR_JWT_REFUSED: {
    status: "permissionDenied",
    meaning: "The server refused to sign the JWT-SVID.",
    fix: "check the entry and the audience; the agent's log has the server's reason",
  },
  ERR_SYNC_PROTOCOL: {
    status: "internal",
    meaning: "The server's sync stream has a form that cannot be: no welcome, or a change set beyond the limits.",
    fix: "run agent and server of compatible versions",
  },
  ERR_RESPONSE_UNUSABLE: {
    status: "internal",
    meaning: "A response of the server lacks a mandatory part.",
    fix: "run agent and server of compatible versions",
  },
});
