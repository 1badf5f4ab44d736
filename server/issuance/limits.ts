/** Every bound of issuance with its reason; docs/limits.md is checked against it. */
export const issuanceLimits = {
  csrBytes: {
    value: 8_192,
    reason: "a request of ours has 300 bytes; RSA-4096 with a few names 1.5 KB; names in it are not used",
  },
  chunkItems: {
    value: 16,
    reason: "16 SVIDs take a worker 3 ms: longer chunks save nothing and hold up what waits behind",
  },
  chunksPerWorker: {
    value: 2,
    reason: "one in work and one waiting, so that a worker is not idle while its answer is read",
  },
  queuedItems: { value: 16_384, reason: "three seconds of work; what waits longer is better told to come again" },
  audiences: { value: 32, reason: "tokens travel in headers; one or two audiences are usual" },
  audienceBytes: { value: 2_048, reason: "as long as the longest SPIFFE ID" },
} as const;
