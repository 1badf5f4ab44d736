/** Every bound of the server, with its reason. docs/limits.md is checked against it. */
export const serverLimits = {
  // ---- entries ----
  entryIdCharacters: { value: 255, reason: "the width that SPIRE's clients and databases know" },
  entrySelectors: {
    value: 64,
    reason: "selectors of one entry; real ones have 1 to 10, and each is matched per caller",
  },
  entryDnsNames: { value: 100, reason: "DNS names of one entry; they all travel in each certificate and handshake" },
  entryFederatesWith: { value: 100, reason: "trust domains of one entry; each adds a bundle to every answer" },
  entryHintBytes: { value: 1_024, reason: "the limit of the SPIFFE Workload API (section 8), and SPIRE's" },
  entryTtlSeconds: { value: 2_147_483_647, reason: "an int32 on the wire; configured maxima cap it at issuance" },
  dnsNameCharacters: { value: 253, reason: "RFC 1035 §2.3.4 without the final dot" },
  dnsLabelCharacters: { value: 63, reason: "RFC 1035 §2.3.4" },

  // ---- bundles ----
  bundleAuthorities: {
    value: 512,
    reason: "X.509 authorities, and JWT authorities, of one bundle written by callers; rotation needs a handful",
  },
  bundleAuthorityBytes: {
    value: 262_144,
    reason: "DER of each kind; 150 RSA-4096 roots. Each bundle goes whole into every agent and SVID answer",
  },
  bundleEndpointUrlCharacters: { value: 2_048, reason: "the longest URL that clients and proxies handle alike" },
  bundleJwtAuthorities: {
    value: 256,
    reason: "JWT keys in the own bundle before servers below are refused more; each travels to every workload",
  },

  // ---- listing ----
  filterSelectors: { value: 256, reason: "selectors or trust domains of one list filter; a node has tens" },
  pageTokenCharacters: { value: 1_024, reason: "a token holds a time, an entry id of 255 characters and a MAC" },

  // ---- store ----
  storeWaitingRequests: {
    value: 4_096,
    reason: "requests the store's worker has not answered; more means it is stuck",
  },
  storeGroupRequests: { value: 256, reason: "requests in one transaction; keeps the wait for one fsync short" },
  authorityJournalRows: { value: 10_000, reason: "history of authorities; decades at daily rotation" },
  storeSnapshotRows: {
    value: 500,
    reason: "rows of one snapshot chunk; a few ms of decoding on the event loop, little garbage",
  },
  storeFeedPage: { value: 10_000, reason: "changes in one page of the feed" },
  storeSharedValues: { value: 4_096, reason: "distinct ids and selectors kept for sharing while rows are decoded" },
  storeWalBytes: { value: 67_108_864, reason: "size the write-ahead log is cut back to after a checkpoint" },
  storeLockWaitMs: { value: 5_000, reason: "wait for a backup program that holds the database's lock" },
  storeIntegrityDelayMs: {
    value: 30_000,
    reason: "after the start, before the whole database file is read once to find damage; agents reconnect meanwhile",
  },
  storeIntegrityProblems: { value: 10, reason: "damaged places that are named; one is enough to act" },
  storeRestartCapMs: { value: 30_000, reason: "longest wait before the store's worker is started again" },

  // ---- registry ----
  registryRetryCapMs: { value: 30_000, reason: "longest wait before the registry asks an unreachable store again" },

  // ---- calls ----
  rateWaitMs: { value: 2_000, reason: "longest wait for a rate limit; longer ones are refused with the delay" },
  rateRefusalAuditMs: {
    value: 1_000,
    reason: "one audit record a method of what rate limits refuse; a caller can be refused thousands of times a second",
  },
  rateBuckets: { value: 20_000, reason: "addresses and classes counted at once; about 3 MB" },

  batchAnswerBytes: {
    value: 33_554_432,
    reason: "entries or bundles in one batch's results, half of an answer; results beyond it have the identifier alone",
  },
  batchRepeats: {
    value: 16,
    reason: "items of one batch about one thing: a name is a few bytes, a bundle in the result half a megabyte",
  },

  // ---- attestation ----
  attestPayloadBytes: {
    value: 262_144,
    reason: "payload or answer of one step; the largest known (TPM) has some 10 KB",
  },
  attestChallenges: { value: 8, reason: "challenges of one attestation; known attestors need at most 2" },
  attestMs: { value: 30_000, reason: "one attestation from first to last byte, the agent's answers included" },
  x509popIntermediates: { value: 16, reason: "most that may be configured; as many as the verifier looks at" },
  pathTemplateCharacters: {
    value: 1_024,
    reason: "an agent path template; a path of 2,048 bytes is the longest it can give",
  },
  joinTokenCharacters: { value: 255, reason: "a token is a segment of the agent's SPIFFE ID" },
  agentVersionCharacters: { value: 255, reason: "SPIRE's limit" },

  // ---- sync ----
  syncPageResources: { value: 500, reason: "resources of one page; applied in a few milliseconds" },
  syncPageBytes: { value: 1_048_576, reason: "estimated size of one page; a message may have 4 MiB" },
  syncResumeChanges: { value: 5_000, reason: "changes read to resume a stream; beyond that a snapshot is cheaper" },
  syncCatchUpMs: { value: 2_000, reason: "wait for a position that an agent has seen and this server has not yet" },
  syncAckPending: { value: 10_000, reason: "ids of entries without SVID in one acknowledgement; the rest is cut off" },
  syncHelloMs: { value: 10_000, reason: "wait for the hello of a stream that was opened" },
  syncNextMs: { value: 60_000, reason: "wait for what a polling agent asks for next; it asks at once, or is done" },
  replacementsPerSecond: {
    value: 1_000,
    reason: "SVIDs replaced a second after a taint; well below what one core signs, so that other calls go on",
  },
  replacementSpreadMs: {
    value: 30_000,
    reason: "longest time over which a taint's replacements are spread; all are to be there within 60 s",
  },
  waitAppliedMs: { value: 60_000, reason: "longest wait of WaitApplied" },
  waitAppliedEntries: { value: 1_000, reason: "entries of one WaitApplied; two full batches" },

  // ---- housekeeping ----
  feedTombstoneMs: { value: 86_400_000, reason: "how long a deletion is remembered for agents that were away" },
} as const satisfies Record<string, { readonly value: number; readonly reason: string }>;
