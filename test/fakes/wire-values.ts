import fc from "fast-check";
import type { AttestedNode } from "../../proto/domain/agent.ts";
import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { Position } from "../../proto/domain/link.ts";
import { Selector, SpiffeId, sortSelectors, TrustDomain } from "../../spiffe/index.ts";

/** Arbitrary domain values that can be on the wire. */
const label = fc.stringMatching(/^[a-z0-9]{1,12}$/);
const anyTrustDomain = fc
  .array(label, { minLength: 1, maxLength: 3 })
  .map((parts) => TrustDomain.parse(parts.join(".")));
export const anySpiffeId = fc
  .tuple(anyTrustDomain, fc.array(label, { maxLength: 4 }))
  .map(([domain, segments]) => SpiffeId.fromSegments(domain, ...segments));
const anySelector = fc
  .tuple(label, fc.stringMatching(/^[ -~]{1,30}$/))
  .map(([type, value]) => Selector.of(type, value));
const anyCount = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const amount = fc.integer({ min: 0, max: 0x7fffffff });
const text = fc.string({ unit: "grapheme", maxLength: 20 }).filter((value) => value.isWellFormed());

export const anyEntry: fc.Arbitrary<RegistrationEntry> = fc.record({
  id: label,
  spiffeId: anySpiffeId,
  parentId: anySpiffeId,
  selectors: fc.array(anySelector, { minLength: 1, maxLength: 5 }).map(sortSelectors),
  x509SvidTtl: amount,
  jwtSvidTtl: amount,
  federatesWith: fc.array(anyTrustDomain, { maxLength: 3 }),
  admin: fc.boolean(),
  downstream: fc.boolean(),
  expiresAt: anyCount,
  dnsNames: fc.array(label, { maxLength: 3 }),
  revisionNumber: anyCount,
  storeSvid: fc.boolean(),
  hint: text,
  createdAt: anyCount,
  additionalAttributes: fc.option(
    fc.record({ disableX509SvidPrefetch: fc.boolean(), jwtSvidIncludeJti: fc.boolean() }),
    {
      nil: undefined,
    },
  ),
});

export const anyNode: fc.Arbitrary<AttestedNode> = fc.record({
  id: anySpiffeId,
  attestationType: label,
  selectors: fc.array(anySelector, { maxLength: 4 }),
  serialNumber: fc.stringMatching(/^[0-9]{0,40}$/),
  expiresAt: anyCount,
  pendingSerialNumber: fc.stringMatching(/^[0-9]{0,40}$/),
  pendingExpiresAt: anyCount,
  banned: fc.boolean(),
  canReattest: fc.boolean(),
  agentVersion: text,
  authorityId: fc.stringMatching(/^[0-9a-f]{0,40}$/),
  seenAt: anyCount,
  syncs: fc.boolean(),
});

export const anyPosition: fc.Arbitrary<Position> = fc.record({ epoch: label, n: anyCount });
