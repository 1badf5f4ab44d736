import { defineErrors } from "../transport/errors/service-error.ts";

/** Every code the server answers with beside `commonErrors`; docs/errors.md is checked against this table. */
export const serverErrors = defineErrors({
  // ---- keys ----
  ERR_KEY_ID_INVALID: {
    status: "internal",
    meaning: "A key was asked for under a name that no key manager accepts.",
    fix: "report it: key names are chosen by the server itself",
  },
  ERR_KEY_NOT_FOUND: {
    status: "internal",
    meaning: "The key manager has no key of that name.",
    fix: "restart the server: it replaces an authority whose key is lost",
  },
  ERR_AUTHORITY_KEY_LOST: {
    status: "internal",
    meaning:
      "A warning in the log: the journal says that an authority is in use, and its private key is not in the key manager, or another is. The server makes a new authority at once; what the old one signed stays valid until it expires. With keys in memory this is so at every start.",
    fix: "find out where the key went: if somebody may have taken it, taint and revoke that authority; agents that were not connected need the new bundle",
  },
  ERR_KEY_CORRUPT: {
    status: "internal",
    meaning:
      "A stored private key cannot be read back, or its halves do not belong together. It is never replaced silently.",
    fix: "restore the key file from a backup, or delete it: the server then makes a new authority",
  },
  ERR_KEY_STORAGE: {
    status: "unavailable",
    meaning: "The place where keys are kept cannot be read or written.",
    fix: "check owner, permissions and free space of the keys directory",
  },
  ERR_AUTHORITY_KEY_UNSUPPORTED: {
    status: "internal",
    meaning: "A key manager made a key of a type no authority signs with.",
    fix: "use ec-p256, ec-p384, rsa-2048 or rsa-4096",
  },

  // ---- authorities ----
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

  // ---- issuance ----
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

  // ---- store, registry ----
  ERR_ENTRY_EXISTS: {
    status: "alreadyExists",
    meaning: "An entry with this SPIFFE ID, parent and selector set exists, or the chosen entry id is taken.",
    fix: "update the existing entry, which the answer carries, or leave the id out",
  },
  ERR_ENTRY_INVALID: {
    status: "invalidArgument",
    meaning: "One or more fields of the entry break a rule; the message names every one of them.",
    fix: "correct the fields that the message names",
  },
  ERR_ENTRY_NO_BUNDLE: {
    status: "failedPrecondition",
    meaning: "The entry federates with a trust domain whose bundle is not stored here.",
    fix: "store that trust domain's bundle first, then create the entry",
  },
  ERR_ENTRY_NOT_FOUND: {
    status: "notFound",
    meaning: "There is no entry of that id in the store.",
    fix: "list the entries: it was deleted, or it expired",
  },
  ERR_FILTER_INVALID: {
    status: "invalidArgument",
    meaning: "A filter of a list or count request cannot be read; it is refused rather than ignored.",
    fix: "correct the filter field that the message names",
  },
  ERR_PAGE_TOKEN: {
    status: "invalidArgument",
    meaning: "The page token was not made by this store for this list and this filter.",
    fix: "start the list again without a page token",
  },
  ERR_STORE_DAMAGED: {
    status: "dataLoss",
    meaning:
      "SQLite's check of the whole database file, a while after the start, found damage: what is stored there cannot be relied on. The server goes on with what it has in memory; health says so.",
    fix: "stop the server and restore data_dir from a backup; look at the disk, the log names what is damaged",
  },
  ERR_STORE_CORRUPT: {
    status: "dataLoss",
    meaning: "The database file is damaged, or it is not a Countersign database. It is never repaired silently.",
    fix: "stop the server and restore the data directory from a backup",
  },
  ERR_STORE_LOST: {
    status: "failedPrecondition",
    meaning:
      "The database is empty while the keys directory beside it holds keys of another one: it was lost or moved.",
    fix: "restore the database from a backup; to begin a new trust domain all the same, move the keys directory away",
  },
  ERR_STORE_LOCKED: {
    status: "failedPrecondition",
    meaning: "Another running server has this data directory open.",
    fix: "stop the other server, or give this one a data directory of its own",
  },
  ERR_STORE_SCHEMA_NEWER: {
    status: "failedPrecondition",
    meaning: "The database was written by a newer release than this one.",
    fix: "run the newer release, or restore a backup made before the upgrade",
  },
  ERR_STORE_UNAVAILABLE: {
    status: "unavailable",
    meaning: "The store did not acknowledge: nothing was changed, or it is not known whether it was.",
    fix: "call again; if it stays, check space and permissions of the data directory, and the server's log",
  },

  // ---- callers ----
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
    meaning: "This address makes more calls of this kind than its rate allows, and would have to wait longer than 2 s.",
    fix: "call again after the delay in the details; the rates are in the server's configuration (rate_limits)",
  },
  ERR_RATE_BURST: {
    status: "resourceExhausted",
    meaning: "One call asks for more items than the rate limit's burst; it can never succeed.",
    fix: "split the batch",
  },

  // ---- agents ----
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

  // ---- bundles ----
  ERR_BUNDLE_NOT_FOUND: {
    status: "notFound",
    meaning: "There is no bundle of that trust domain.",
    fix: "list the bundles",
  },
  ERR_BUNDLE_EXISTS: {
    status: "alreadyExists",
    meaning: "There is a bundle of that trust domain already; the answer carries it.",
    fix: "set the bundle instead, which replaces it",
  },
  ERR_BUNDLE_IN_USE: {
    status: "failedPrecondition",
    meaning: "Entries federate with the trust domain whose bundle would be deleted.",
    fix: "change those entries first, or use --mode dissociate (entries stay, no longer federated) or --mode delete (entries go too)",
  },
  ERR_BUNDLE_FULL: {
    status: "resourceExhausted",
    meaning: "The bundle would have more authorities of a kind, or more bytes of them, than it may (docs/limits.md).",
    fix: "append fewer, wait until old keys have expired, look for a server below that makes keys far too often",
  },
  ERR_OWN_TRUST_DOMAIN: {
    status: "invalidArgument",
    meaning: "A federated bundle or a relationship of the server's own trust domain was asked for: there is none.",
    fix: "get the server's own bundle with GetBundle (bundle show), add to it with AppendBundle",
  },

  // ---- federation ----
  ERR_FEDERATION_EXISTS: {
    status: "alreadyExists",
    meaning: "There is a federation relationship with that trust domain already; the answer carries it.",
    fix: "update the relationship instead",
  },
  ERR_FEDERATION_NOT_FOUND: {
    status: "notFound",
    meaning: "There is no federation relationship with that trust domain; confirmed in the store.",
    fix: "list the relationships",
  },
  ERR_FEDERATION_NOT_FETCHED: {
    status: "unimplemented",
    meaning: "The relationship is kept, but this release does not fetch bundles from endpoints yet.",
    fix: "set the bundle by hand (bundle set); fetching comes with a later release",
  },

  // ---- sync ----
  ERR_SYNC_PROTOCOL: {
    status: "invalidArgument",
    meaning: "The sync stream did not begin with a hello, or broke the protocol later.",
    fix: "update the agent",
  },
  ERR_SYNC_REPLACED: {
    status: "aborted",
    meaning: "The same agent opened a newer sync stream, which took over.",
    fix: "nothing, unless two hosts run with one agent's key: then evict the agent",
  },
});
