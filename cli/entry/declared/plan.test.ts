import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parse, stringify } from "yaml";
import type { Entry } from "../../../proto/gen/spire/api/types/Entry.ts";
import { entryInput } from "../schema.ts";
import { documentOf, identityOf } from "./document.ts";
import { derivedName, ownerOf } from "./ownership.ts";
import { type DeclaredEntry, planOf } from "./plan.ts";

const name = fc.stringMatching(/^[a-z0-9_-]{1,12}$/);
const spiffeId = name.map((path) => ({ trust_domain: "example.org", path: `/${path}` }));
const anyEntry = fc.record({
  id: fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/),
  spiffe_id: spiffeId,
  parent_id: spiffeId,
  selectors: fc.array(
    fc.record({ type: fc.stringMatching(/^[a-z]{1,6}$/), value: fc.string({ minLength: 1, unit: "grapheme" }) }),
    { minLength: 1, maxLength: 4 },
  ),
  x509_svid_ttl: fc.nat(0x7fff_ffff),
  jwt_svid_ttl: fc.nat(10),
  federates_with: fc.uniqueArray(name.map((label) => `${label}.test`)),
  admin: fc.boolean(),
  downstream: fc.boolean(),
  expires_at: fc.nat().map(String),
  dns_names: fc.uniqueArray(name),
  store_svid: fc.boolean(),
  hint: fc.string({ maxLength: 20, unit: "grapheme" }),
  additional_attributes: fc.option(
    fc.record({ disable_x509_svid_prefetch: fc.boolean(), jwt_svid_include_jti: fc.boolean() }),
  ),
});

function declared(entry: Entry & { id: string }, where = entry.id): DeclaredEntry {
  return { entry, where };
}

const base: Entry & { id: string } = {
  id: "team.web",
  spiffe_id: { trust_domain: "example.org", path: "/web" },
  parent_id: { trust_domain: "example.org", path: "/host" },
  selectors: [{ type: "unix", value: "uid:1" }],
};

describe("an entry as a document", () => {
  it("comes back as the same entry from YAML and from JSON", () => {
    fc.assert(
      fc.property(anyEntry, (entry) => {
        const document = documentOf(entry);
        for (const read of [parse(stringify(document, { lineWidth: 0 })), JSON.parse(JSON.stringify(document))]) {
          assert.deepEqual(documentOf(entryInput.parse(read)), document);
        }
      }),
    );
  });

  it("is the same whatever the order of what has none", () => {
    fc.assert(
      fc.property(anyEntry, (entry) => {
        const turned = {
          ...entry,
          selectors: [...(entry.selectors ?? [])].reverse(),
          federates_with: [...(entry.federates_with ?? [])].reverse().map((domain) => `spiffe://${domain}`),
        };
        assert.deepEqual(documentOf(turned), documentOf(entry));
        assert.equal(derivedName(documentOf(turned)), derivedName(documentOf(entry)));
      }),
    );
  });
});

describe("planOf()", () => {
  it("does nothing where the server has what is declared, and all of it where it has nothing", () => {
    const entries = fc.uniqueArray(anyEntry, { selector: (entry) => identityOf(documentOf(entry)), maxLength: 8 });
    fc.assert(
      fc.property(entries, (all) => {
        const unique = [...new Map(all.map((entry) => [entry.id, entry])).values()];
        const same = planOf(
          unique.map((entry) => declared(entry)),
          unique,
          "team",
          true,
        );
        assert.deepEqual([same.create, same.update, same.remove, same.problems], [[], [], [], []]);
        assert.equal(
          planOf(
            unique.map((entry) => declared(entry)),
            [],
            "team",
            true,
          ).create.length,
          unique.length,
        );
      }),
    );
  });

  it("removes only what the owner owns, and only when it may", () => {
    const others = ["other.web", "team-2.web", "0199-uuid", ".team.x", "team"].map((id, n) => ({
      ...base,
      ...{ id, spiffe_id: { trust_domain: "example.org", path: `/other/${n}` } },
    }));
    const existing = [base, ...others];
    assert.deepEqual(
      planOf([], existing, "team", true).remove.map(({ id }) => id),
      ["team.web"],
    );
    assert.deepEqual(planOf([], existing, "team", false).remove, []);
    assert.deepEqual(planOf([], existing, undefined, true).remove, []);
    assert.equal(ownerOf(".team.x"), undefined);
  });

  it("names the fields that change", () => {
    const { update, unchanged } = planOf(
      [declared({ ...base, x509_svid_ttl: 60, dns_names: ["b", "a"] })],
      [{ ...base, dns_names: ["a", "b"], hint: "old" }],
      "team",
      true,
    );
    assert.equal(unchanged, 0);
    assert.deepEqual(
      update[0]?.changes.toSorted((a, b) => (a.field < b.field ? -1 : 1)),
      [
        { field: "dns_names", from: ["a", "b"], to: ["b", "a"] },
        { field: "hint", from: "old", to: undefined },
        { field: "x509_svid_ttl", from: undefined, to: 60 },
      ],
    );
  });

  it("refuses what the server could not hold: two entries of one identity, or one id twice", () => {
    const stranger = { ...base, id: "0199-uuid" };
    const clash = planOf([declared(base, "f: entry 1")], [stranger], "team", true);
    assert.match(clash.problems.join(), /^f: entry 1: is on the server as 0199-uuid: write "id: 0199-uuid"/);
    const twice = planOf(
      [declared(base, "f: entry 1"), declared({ ...base, id: "team.b" }, "f: entry 2")],
      [],
      "team",
      true,
    );
    assert.deepEqual(twice.problems, ["f: entry 2: is the same entry as f: entry 1"]);
    const sameId = planOf(
      [declared(base, "1"), declared({ ...base, parent_id: base.spiffe_id ?? null }, "2")],
      [],
      "team",
      true,
    );
    assert.deepEqual(sameId.problems, ["2: is the same entry as 1"]);
    // Its own old entry is no stranger: it goes first.
    const renamed = planOf([declared({ ...base, id: "team.new" })], [base], "team", true);
    assert.deepEqual([renamed.problems, renamed.create.length, renamed.remove.length], [[], 1, 1]);
  });
});
