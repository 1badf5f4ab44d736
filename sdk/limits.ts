/** What the SDK bounds by itself, and why. */
export const workloadLimits = {
  jwtCacheEntries: {
    value: 1_000,
    reason: "JWT-SVIDs that a `JwtSource` keeps; the one unused for longest gives way, since audiences may be made up",
  },
  jwtRenewMinMs: { value: 1_000, reason: "a token of a few seconds must not be renewed without end" },
  jwtFetchTimeoutMs: { value: 10_000, reason: "a request that needs a token waits no longer for the Workload API" },
} as const satisfies Readonly<Record<string, { readonly value: number; readonly reason: string }>>;
