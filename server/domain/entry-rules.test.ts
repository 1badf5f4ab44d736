import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TrustDomain } from "../../spiffe/index.ts";
import { describeProblems, type EntryDraft, parseEntry } from "./entry-rules.ts";

const context = { trustDomain: TrustDomain.parse("example.org"), newId: () => "made-up" };

function draft(parts: Partial<EntryDraft> = {}): EntryDraft {
  return {
    ...{ id: "", selectors: [{ type: "unix", value: "uid:0" }], x509SvidTtl: 0, jwtSvidTtl: 0, federatesWith: [] },
    ...{ spiffeId: { trustDomain: "example.org", path: "/w" }, parentId: { trustDomain: "example.org", path: "/p" } },
    ...{ admin: false, downstream: false, expiresAt: 0, dnsNames: [], storeSvid: false, hint: "" },
    additionalAttributes: undefined,
    ...parts,
  };
}

function problemsOf(parts: Partial<EntryDraft>): string {
  const parsed = parseEntry(draft(parts), context);
  return parsed.kind === "valid" ? "" : describeProblems(parsed.problems);
}

const td = "example.org";
const noPrefetch = { disableX509SvidPrefetch: true, jwtSvidIncludeJti: false };
const twoTypes = [
  { type: "a", value: "b" },
  { type: "c", value: "d" },
];

describe("parseEntry()", () => {
  it("normalises: selectors and trust domains sorted and unique, DNS names unique in the order given", () => {
    const parsed = parseEntry(
      draft({
        selectors: [...twoTypes].reverse().concat(twoTypes),
        federatesWith: ["spiffe://z.example", "a.example", "z.example"],
        dnsNames: ["b.example", "A.example", "b.example"],
        spiffeId: { trustDomain: "spiffe://example.org", path: "/w" },
      }),
      context,
    );
    assert.ok(parsed.kind === "valid");
    const { id, selectors, federatesWith, dnsNames, spiffeId } = parsed.entry;
    assert.equal(id, "made-up");
    assert.deepEqual(selectors.map(String), ["a:b", "c:d"]);
    assert.deepEqual(federatesWith.map(String), ["a.example", "z.example"]);
    assert.deepEqual(dnsNames, ["b.example", "A.example"]);
    assert.equal(spiffeId.toString(), "spiffe://example.org/w");
  });

  const good: readonly [string, Partial<EntryDraft>][] = [
    ["an id of 255 characters", { id: "aZ0._-".repeat(42).padEnd(255, "x") }],
    ["a parent below /spire", { parentId: { trustDomain: td, path: "/spire/agent/join_token/x" } }],
    ["a SPIFFE ID that only starts like /spire", { spiffeId: { trustDomain: td, path: "/spirea" } }],
    ["a hint of 1,024 bytes", { hint: "ü".repeat(512) }],
    ["the largest TTLs", { x509SvidTtl: 2_147_483_647, jwtSvidTtl: 2_147_483_647 }],
    ["a stored SVID with selectors of one type", { storeSvid: true }],
    ["a selector value with colons", { selectors: [{ type: "k8s", value: "a:b:c" }] }],
  ];
  for (const [name, parts] of good) it(`accepts ${name}`, () => assert.equal(problemsOf(parts), ""));

  const bad: readonly [string, Partial<EntryDraft>, RegExp][] = [
    ["an id that is too long", { id: "x".repeat(256) }, /^id: longer than 255 characters$/],
    ["an id with other characters", { id: "a/b" }, /^id: has characters/],
    ["no SPIFFE ID", { spiffeId: undefined }, /^spiffe_id: missing$/],
    [
      "a foreign SPIFFE ID",
      { spiffeId: { trustDomain: "o.example", path: "/w" } },
      /^spiffe_id: not in the trust domain/,
    ],
    ["a SPIFFE ID without path", { spiffeId: { trustDomain: td, path: "" } }, /^spiffe_id: has no path$/],
    ["/spire", { spiffeId: { trustDomain: td, path: "/spire" } }, /^spiffe_id: .*reserved$/],
    ["below /spire", { spiffeId: { trustDomain: td, path: "/spire/x" } }, /^spiffe_id: .*reserved$/],
    ["a malformed path", { spiffeId: { trustDomain: td, path: "/a//b" } }, /^spiffe_id: /],
    ["a trust domain with a path in it", { spiffeId: { trustDomain: "example.org/x", path: "/y" } }, /^spiffe_id: /],
    ["no parent", { parentId: undefined }, /^parent_id: missing$/],
    ["a foreign parent", { parentId: { trustDomain: "o.example", path: "/w" } }, /^parent_id: not in/],
    ["a parent without path", { parentId: { trustDomain: td, path: "" } }, /^parent_id: has no path$/],
    ["no selector", { selectors: [] }, /^selectors: at least one/],
    ["a selector without type", { selectors: [{ type: "", value: "x" }] }, /^selectors: the selector type/],
    ["a selector type with a colon", { selectors: [{ type: "a:b", value: "x" }] }, /^selectors: /],
    ["a selector without value", { selectors: [...twoTypes, { type: "a", value: "" }] }, /^selectors\[2\]: /],
    [
      "too many selectors",
      { selectors: Array.from({ length: 65 }, (_, index) => ({ type: "a", value: String(index) })) },
      /^selectors: more than 64$/,
    ],
    ["a bad DNS name", { dnsNames: ["a..b"] }, /^dns_names: "a\.\.b": an empty label$/],
    ["a long bad DNS name, shortened", { dnsNames: ["ü".repeat(5_000)] }, /^dns_names: .{80,140}$/],
    ["a hint that is too long", { hint: "x".repeat(1_025) }, /^hint: longer/],
    ["a hint whose bytes are too many", { hint: `${"ü".repeat(512)}x` }, /^hint: longer/],
    ["a hint with NUL", { hint: "\0" }, /^hint: /],
    ["a hint that is no Unicode", { hint: "\ud800" }, /^hint: /],
    ["a negative X.509 TTL", { x509SvidTtl: -1 }, /^x509_svid_ttl: /],
    ["a negative JWT TTL", { jwtSvidTtl: -1 }, /^jwt_svid_ttl: /],
    ["a negative expiry", { expiresAt: -1 }, /^expires_at: /],
    ["an expiry beyond exact numbers", { expiresAt: 2 ** 60 }, /^expires_at: /],
    ["a bad federated trust domain", { federatesWith: ["A"] }, /^federates_with: /],
    ["a stored SVID with selectors of two types", { storeSvid: true, selectors: twoTypes }, /^store_svid: .*one type$/],
    [
      "a stored SVID that is not prefetched",
      { storeSvid: true, additionalAttributes: noPrefetch },
      /^store_svid: .*prefetch$/,
    ],
  ];
  for (const [name, parts, problem] of bad) {
    it(`refuses ${name}, and says only that`, () => assert.match(problemsOf(parts), problem));
  }

  it("reports all problems at once", () => {
    const parsed = parseEntry(
      draft({
        id: "/",
        spiffeId: undefined,
        parentId: { trustDomain: "", path: "" },
        selectors: [],
        hint: "\0",
        dnsNames: ["*", "-"],
      }),
      context,
    );
    assert.ok(parsed.kind === "invalid");
    assert.deepEqual(
      parsed.problems.map(({ field }) => field),
      ["spiffe_id", "parent_id", "id", "selectors", "dns_names", "dns_names", "hint"],
    );
  });
});
