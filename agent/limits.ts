/** Every bound of the agent, with its reason. docs/limits.md is checked against it. */
export const agentLimits = {
  heldCallersPerUid: {
    value: 16,
    reason: "callers without identity that wait; a crash-looping service must not fill the table",
  },
  heldCallers: {
    value: 256,
    reason: "callers without identity that wait in all; each costs a stream and a subscription",
  },
  holdCurrentMs: {
    value: 2_000,
    reason: "time for a just-created entry to arrive while the agent's entries are current",
  },
  holdBehindMs: { value: 10_000, reason: "time to catch up with the server before an honest caller is refused" },
  holdDeadlineMarginMs: { value: 200, reason: "the refusal must reach the caller before its own deadline does" },
  audiences: { value: 32, reason: "audiences of one JWT-SVID; the specification recommends one" },
  audienceBytes: { value: 2_048, reason: "one audience; a SPIFFE ID of the longest kind fits" },
  claimDepth: {
    value: 32,
    reason: "nesting of validated claims; protobuf decoders give up at 100 levels, two for each of ours",
  },
  attestTimeoutMs: { value: 5_000, reason: "one workload attestor; callers wait for the slowest" },
  executableBytes: { value: 1_073_741_824, reason: "an executable that is hashed; takes under a second of one core" },
  executableDigests: { value: 1_024, reason: "hashes kept of executables; one host runs fewer distinct ones" },
  executableHashesWaiting: { value: 64, reason: "executables being hashed or waiting; each holds a file descriptor" },
  callerKinds: {
    value: 1_024,
    reason: "kinds of callers (same user, groups, executable) whose selectors are kept; one host runs fewer",
  },
  supplementaryGroups: { value: 1_024, reason: "groups of one caller that become selectors; NFS stops at 16" },
  procStatusBytes: {
    value: 1_048_576,
    reason: "/proc/PID/status, which grows with the number of groups (kernel: 65,536)",
  },
  accountFileBytes: { value: 16_777_216, reason: "/etc/passwd and /etc/group, some 200,000 lines" },
  sweepIntervalMs: { value: 30_000, reason: "streams of ended processes are found at the latest after this" },
  attestationsPerTurn: { value: 256, reason: "callers attested before the event loop gets a turn; about 10 ms" },
  callsPerUidAndTurn: {
    value: 32,
    reason: "new calls of one uid begun in a turn of the event loop; connections are accepted one a turn",
  },
  leftViewMs: {
    value: 1_000,
    reason: "what a workload may have is kept ready after its last call; programs that fetch and end come in numbers",
  },
  leftViews: { value: 64, reason: "such views without a caller; their SVIDs count as in use" },
  svidBatch: { value: 500, reason: "SVIDs in one BatchNewX509SVID; SPIRE's server refuses more than 500 at once" },
  batchesInFlight: { value: 2, reason: "SVID batches under way: one is signed while the next is on the wire" },
  keysInFlight: { value: 4, reason: "keys made together: libuv's pool has four threads" },
  batchWindowMs: { value: 2, reason: "how long a lone SVID request waits for company" },
  replacementSpreadMs: {
    value: 10_000,
    reason: "time over which SVIDs of a tainted authority are replaced when the server names none, as SPIRE's does not",
  },
  replacementSpreadMaxMs: {
    value: 30_000,
    reason: "the same when the server names a time: replacing is to be over after 60 s, whatever it says",
  },
  batchTimeoutMs: { value: 30_000, reason: "one SVID batch; 500 on a busy server take seconds" },
  x509SvidCacheMaxSize: { value: 1_000, reason: "default for SVIDs held while nobody watches them; as SPIRE's agent" },
  jwtSvidCacheMaxSize: { value: 1_000, reason: "default for JWT-SVIDs held; as SPIRE's agent" },
  jwtWaitWithCachedMs: { value: 5_000, reason: "asking the server for a fresh JWT-SVID while a valid one is at hand" },
  jwtWaitMs: { value: 30_000, reason: "asking the server for a JWT-SVID while none is at hand" },
  changeSetResources: { value: 500_000, reason: "resources of one change set; a broken server must not fill memory" },
  goneAuthorities: { value: 256, reason: "authorities remembered as gone; no SVID outlives that many rotations" },
  entriesAsked: { value: 500, reason: "entries asked for at once while polling; SPIRE's servers answer in such pages" },
  pollTimeoutMs: { value: 30_000, reason: "one poll's entries; as SPIRE's agent" },
  pushProbeMs: {
    value: 60_000,
    reason: "how often a polled server is asked whether it pushes by now; one small call",
  },
  pushProbeTimeoutMs: { value: 5_000, reason: "a polled server that does not answer that question" },
  federatedBundlesAtOnce: { value: 8, reason: "federated bundles fetched together while polling" },
  welcomeTimeoutMs: { value: 15_000, reason: "a sync stream without welcome is given up" },
  callTimeoutMs: { value: 15_000, reason: "other calls to the server" },
  nodeAttestTimeoutMs: { value: 60_000, reason: "node attestation; the server may ask third parties" },
  attestChallenges: { value: 16, reason: "challenges of one attestation conversation" },
  joinTokenBytes: { value: 4_096, reason: "a join token file; a token is a few dozen bytes" },
  bundleBytes: { value: 4_194_304, reason: "a bootstrap bundle; thousands of authorities fit" },
  bundleFetchMs: { value: 15_000, reason: "fetching the bootstrap bundle" },
  nodeStateBytes: {
    value: 16_777_216,
    reason: "a file in the data directory; a bundle of thousands of authorities fits",
  },
  workloadStateBytes: { value: 268_435_456, reason: "stored workload state; a thousand SVIDs take some 3 MB" },
  storeDelayMs: { value: 1_000, reason: "changes of workload state are gathered this long before they are stored" },
} as const satisfies Record<string, { readonly value: number; readonly reason: string }>;

/** Delays before trying again, milliseconds: exponential, capped, half of each drawn (runtime/core `backOffMs`). */
export const backOffs = {
  /** Fast at first, since most breaks of the connection are restarts of the server. */
  sync: { initialMs: 200, capMs: 30_000 },
  attest: { initialMs: 500, capMs: 60_000 },
  renew: { initialMs: 1_000, capMs: 120_000 },
  /** A batch of SVIDs that failed as a whole. */
  batch: { initialMs: 200, capMs: 30_000 },
  /** One SVID that the server refused. */
  svid: { initialMs: 500, capMs: 240_000 },
} as const;
