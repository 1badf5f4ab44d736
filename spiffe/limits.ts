/** Every bound of this folder, with its reason. docs/limits.md is checked against it. */
export const spiffeLimits = {
  spiffeIdBytes: { value: 2048, reason: "SPIFFE-ID §2.3: what all implementations handle and none exceeds" },
  trustDomainBytes: { value: 255, reason: "SPIFFE-ID §2.3" },
  selectorTypeBytes: { value: 255, reason: "attestor names are short; the width of SPIRE's column" },
  selectorValueBytes: { value: 8192, reason: "a path of PATH_MAX (4096) bytes with its prefix, twice" },
} as const satisfies Record<string, { readonly value: number; readonly reason: string }>;
