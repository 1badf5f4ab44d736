/** What the SDK bounds by itself, and why. */
export const workloadLimits = {
  answerBytes: {
    value: 16 * 1024 * 1024,
    reason: "one answer of the Workload API; hundreds of identities and bundles fit, and other clients take 4 MiB",
  },
  malformedAnswers: {
    value: 100,
    reason: "illegal messages in a row on one stream; then it is given up, with back-off before the next",
  },
  steadyStreamMs: {
    value: 1_000,
    reason:
      "a stream that lasted so long is opened again at once when it ends; one that did not waits longer each time",
  },
  jwtCacheEntries: {
    value: 1_000,
    reason: "JWT-SVIDs that a `JwtSource` keeps; the one unused for longest gives way, since audiences may be made up",
  },
  jwtRenewMinMs: { value: 1_000, reason: "a token of a few seconds must not be renewed without end" },
  jwtFetchTimeoutMs: { value: 10_000, reason: "a request that needs a token waits no longer for the Workload API" },
  handshakeTimeoutMs: { value: 5_000, reason: "a client of a server that we made has this long for its TLS handshake" },
  serverHalfOpen: { value: 512, reason: "handshakes under way on one server; in a flood the oldest gives way" },
  serverConnections: { value: 10_000, reason: "connections of one server, where `maxConnections` says nothing else" },
  fetchPools: {
    value: 64,
    reason: "different authorisers of `fetch` with pooled connections; the one unused longest gives way",
  },
  connectTimeoutMs: { value: 10_000, reason: "`fetch` waits no longer for a connection, TCP and TLS together" },
  mysqlGreetingBytes: {
    value: 64 * 1024,
    reason:
      "what a MySQL server says before TLS; real greetings have a hundred bytes or so, the protocol allows 16 MiB",
  },
  closeGraceMs: {
    value: 10_000,
    reason:
      "what is under way on a connection that `closeWhen` closes has this long, where `closeGraceMs` says nothing else",
  },
  longestTimeoutMs: {
    value: 2_147_483_647,
    reason: "timers of Node wait no longer, a longer one would fire at once: `timeoutMs`, `closeGraceMs`",
  },
  closeSweepMs: { value: 1_000, reason: "connections with `closeWhen` are looked at together, once a second at most" },
  closeRecheckBatch: {
    value: 200,
    reason: "chains verified again in one go after a change of bundles, a few milliseconds",
  },
} as const satisfies Readonly<Record<string, { readonly value: number; readonly reason: string }>>;
