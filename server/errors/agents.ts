import type { ErrorSpec } from "../../transport/errors/service-error.ts";

/** Of attestation, agents and join tokens. */
export const agentsErrors = {
  ERR_AGENT_ID: {
    status: "invalidArgument",
    meaning: "The id is not that of an agent of this trust domain (spiffe://…/spire/agent/…).",
    fix: "take the id from the list of agents",
  },
  ERR_AGENT_NOT_FOUND: {
    status: "notFound",
    meaning: "There is no attested agent of that id; confirmed in the store.",
    fix: "list the agents",
  },
  ERR_ATTESTOR_UNKNOWN: {
    status: "failedPrecondition",
    meaning: "No node attestor of that name is configured.",
    fix: "configure the attestor on the server, or use another on the agent",
  },
  ERR_ATTESTOR_RESULT: {
    status: "internal",
    meaning: "A node attestor named an agent path that is not below /spire/agent.",
    fix: "report it to the author of the attestor",
  },
  ERR_ATTEST_BANNED: {
    status: "permissionDenied",
    meaning: "The agent that would attest is banned.",
    fix: "evict the agent to lift the ban",
  },
  ERR_ATTEST_AGAIN: {
    status: "permissionDenied",
    meaning: "This agent attested before, and its kind of attestation can be used only once.",
    fix: "evict the agent first, if it is really meant to attest again",
  },
  ERR_X509POP_CERTIFICATE: {
    status: "invalidArgument",
    meaning:
      "The certificates that a node shows for x509pop are none, too many, unreadable, or have a key that is not accepted.",
    fix: "show the node's certificate and its intermediates only, with keys of the types in docs/node-attestation.md",
  },
  ERR_X509POP_LEAF: {
    status: "permissionDenied",
    meaning: "The certificate that a node shows for x509pop is an authority's, or is not for digital signatures.",
    fix: "give the node a certificate of its own with the key usage digitalSignature",
  },
  ERR_X509POP_UNTRUSTED: {
    status: "permissionDenied",
    meaning: "The node's certificate does not verify under the authorities that x509pop is configured with.",
    fix: "compare the certificate's issuer and dates with the CA bundle; show the intermediates too",
  },
  ERR_X509POP_PROOF: {
    status: "permissionDenied",
    meaning: "The node's answer to the challenge is not signed by its certificate's key, or is for another challenge.",
    fix: "give the agent the private key that belongs to the certificate",
  },
  ERR_X509POP_ADDRESS: {
    status: "permissionDenied",
    meaning: "The agent's address is none of the IP addresses in its certificate (verify_client_ip).",
    fix: "put the address into the certificate, or see whether a proxy or NAT stands between",
  },
  ERR_X509POP_SVID_PREFIX: {
    status: "permissionDenied",
    meaning: "The SVID that the node shows for x509pop has a path outside svid_prefix.",
    fix: "use an SVID that is meant for node attestation, or change svid_prefix",
  },
  ERR_X509POP_PATH: {
    status: "permissionDenied",
    meaning: "The agent path template gives no valid path for this certificate.",
    fix: "look at the certificate's names and at agent_path_template",
  },
  ERR_X509POP_CA_BUNDLE: {
    status: "failedPrecondition",
    meaning: "A CA bundle file of x509pop cannot be read, or holds no certificate that can be used.",
    fix: "correct the file; while the server runs it goes on with what it read before",
  },
  ERR_JOIN_TOKEN_REFUSED: {
    status: "invalidArgument",
    meaning: "The join token does not exist, was used, or has expired.",
    fix: "generate a new join token",
  },
  ERR_JOIN_TOKEN_VALUE: {
    status: "invalidArgument",
    meaning: "The chosen join token cannot be a segment of a SPIFFE ID path, or is too long.",
    fix: "use 1 to 255 characters of A-Z, a-z, 0-9, '.', '-' and '_', or leave it out",
  },
  ERR_JOIN_TOKEN_EXISTS: {
    status: "alreadyExists",
    meaning: "There is a join token of that value that was not used yet.",
    fix: "choose another value, or leave it out",
  },
  ERR_JOIN_TOKEN_DISABLED: {
    status: "failedPrecondition",
    meaning: "This server lets no node attest with a join token, so that a new one would be of no use.",
    fix: "set node_attestors.join_token.enabled and restart the server, or attest by another way",
  },
} as const satisfies Readonly<Record<string, ErrorSpec>>;
