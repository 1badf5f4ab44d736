/** What the files bridge bounds, and why. */
export const filesLimits = {
  tellAttempts: {
    value: 8,
    reason: "times that a signal or an HTTP call is tried, over about half a minute; the next renewal tries again",
  },
  pidFileBytes: { value: 4_096, reason: "a pid file holds a number; of PostgreSQL's longer one the first line counts" },
  commandStopMs: { value: 10_000, reason: "how long the command has to end after SIGTERM when the bridge stops" },
  healthConnections: { value: 64, reason: "a probe is one short request" },
  jwtLookMs: { value: 5_000, reason: "how often the renewal of a JWT-SVID is looked at for problems" },
} as const satisfies Readonly<Record<string, { readonly value: number; readonly reason: string }>>;
