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
  jwtSvidBytes: { value: 65_536, reason: "a token handed to ValidateJWTSVID; larger ones fit in no HTTP header" },
  claimDepth: {
    value: 32,
    reason: "nesting of validated claims; protobuf decoders give up at 100 levels, two for each of ours",
  },
  attestTimeoutMs: { value: 5_000, reason: "one workload attestor; callers wait for the slowest" },
  executableBytes: { value: 1_073_741_824, reason: "an executable that is hashed; takes under a second of one core" },
  executableDigests: { value: 1_024, reason: "hashes kept of executables; one host runs fewer distinct ones" },
  supplementaryGroups: { value: 1_024, reason: "groups of one caller that become selectors; NFS stops at 16" },
  procStatusBytes: {
    value: 1_048_576,
    reason: "/proc/PID/status, which grows with the number of groups (kernel: 65,536)",
  },
  accountFileBytes: { value: 16_777_216, reason: "/etc/passwd and /etc/group, some 200,000 lines" },
  sweepIntervalMs: { value: 30_000, reason: "streams of ended processes are found at the latest after this" },
  reattestationsPerTurn: { value: 256, reason: "callers attested before the event loop gets a turn; about 10 ms" },
  workloadStreamsPerUid: {
    value: 4_096,
    reason: "open streams of one uid; the rest is left to others, root has a reserve",
  },
  workloadConnectionsPerUid: { value: 4_096, reason: "connections of one uid on the Workload API socket" },
  workloadConnections: { value: 12_288, reason: "connections in all; with keys and buffers some 500 MB" },
} as const satisfies Record<string, { readonly value: number; readonly reason: string }>;
