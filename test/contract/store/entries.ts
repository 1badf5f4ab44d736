import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RegistrationEntry } from "../../../proto/domain/entry.ts";
import type { NewEntry, Store } from "../../../server/store/ports.ts";
import { Selector, SpiffeId, TrustDomain } from "../../../spiffe/index.ts";
import { entryOf, exampleTrustDomain } from "../../fakes/server-values.ts";
import { TestCa } from "../../fakes/test-ca.ts";

export const now = 1_700_000_000;

/** Everything set, nothing at its default. */
function fullEntry(id: string): NewEntry {
  return entryOf(id, "a", {
    selectors: [Selector.parse("k8s:ns:däfault"), Selector.parse("unix:uid:0")],
    x509SvidTtl: 60,
    jwtSvidTtl: 30,
    federatesWith: [exampleTrustDomain],
    admin: true,
    downstream: true,
    expiresAt: now + 1_000,
    dnsNames: ["b.example", "a.example"],
    storeSvid: true,
    hint: 'a "quoted" hint',
    additionalAttributes: { disableX509SvidPrefetch: false, jwtSvidIncludeJti: true },
  });
}

/** As plain values, so that instances of equal value compare equal and the difference shows. */
function plain(entry: RegistrationEntry | undefined): unknown {
  return entry === undefined ? undefined : JSON.parse(JSON.stringify({ attributes: "none", ...entry }));
}

export async function storeOwnBundle(store: Store): Promise<void> {
  const { certificate } = await TestCa.create("example.org", now * 1000);
  await store.commitAuthorities({
    put: [],
    remove: [],
    bundleEdits: [{ kind: "add-x509", certificateDer: certificate.der }],
  });
}

export function entryStoreContract(open: () => Promise<Store>): void {
  describe("entries", () => {
    it("reads back every field as it was written, with revision 0 and the time of creation", async () => {
      await using store = await open();
      await storeOwnBundle(store);
      const [outcome] = await store.createEntries([fullEntry("full")], now);
      assert.equal(outcome?.kind, "created");
      const expected = plain({ ...fullEntry("full"), revisionNumber: 0, createdAt: now });
      assert.deepEqual(plain(outcome.entry), expected);
      assert.deepEqual(plain(await store.findEntry("full")), expected);
    });

    it("keeps absent attributes apart from attributes that are all false", async () => {
      await using store = await open();
      const none = { disableX509SvidPrefetch: false, jwtSvidIncludeJti: false };
      await store.createEntries([entryOf("absent", "a"), entryOf("present", "b", { additionalAttributes: none })], now);
      assert.equal((await store.findEntry("absent"))?.additionalAttributes, undefined);
      assert.deepEqual((await store.findEntry("present"))?.additionalAttributes, none);
    });

    it("answers in order, item by item: created, similar with the existing entry, id taken, no bundle", async () => {
      await using store = await open();
      const first = entryOf("one", "a");
      const other = TrustDomain.parse("other.example");
      const outcomes = await store.createEntries(
        [
          first,
          { ...first, id: "two" },
          entryOf("one", "b"),
          entryOf("three", "a", { federatesWith: [other] }),
          entryOf("four", "a"),
        ],
        now,
      );
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ["created", "similar", "id-taken", "no-bundle", "created"],
      );
      assert.equal(outcomes[1]?.kind === "similar" && outcomes[1].entry.id, "one");
      assert.equal(
        outcomes[2]?.kind === "id-taken" && outcomes[2].entry.parentId.toString(),
        first.parentId.toString(),
      );
      assert.equal(outcomes[3]?.kind === "no-bundle" && outcomes[3].trustDomain, "other.example");
      assert.equal(await store.findEntry("three"), undefined);
    });

    it("does not take entries for similar that differ in parent, SPIFFE ID or one selector", async () => {
      await using store = await open();
      const first = entryOf("one", "a");
      const outcomes = await store.createEntries(
        [
          first,
          { ...first, id: "parent", parentId: entryOf("x", "b").parentId },
          { ...first, id: "spiffe-id", spiffeId: SpiffeId.of(exampleTrustDomain, "/other") },
          { ...first, id: "selector", selectors: [...first.selectors, Selector.parse("unix:uid:9")] },
        ],
        now,
      );
      assert.deepEqual(new Set(outcomes.map(({ kind }) => kind)), new Set(["created"]));
    });

    it("changes only the fields given, raises the revision, keeps the time of creation", async () => {
      await using store = await open();
      await storeOwnBundle(store);
      await store.createEntries([fullEntry("full")], now);
      const [outcome] = await store.updateEntries([{ id: "full", change: { hint: "", admin: false, expiresAt: 0 } }]);
      assert.equal(outcome?.kind, "updated");
      const expected = plain({
        ...fullEntry("full"),
        ...{ hint: "", admin: false, expiresAt: 0, revisionNumber: 1, createdAt: now },
      });
      assert.deepEqual(plain(outcome.entry), expected);
      assert.deepEqual(plain(await store.findEntry("full")), expected);
    });

    it("changes every field, removes attributes, and moves the revision even without a change", async () => {
      await using store = await open();
      await storeOwnBundle(store);
      await store.createEntries([fullEntry("full")], now);
      const { id, ...change } = entryOf("full", "z");
      await store.updateEntries([{ id, change }]);
      const [outcome] = await store.updateEntries([{ id, change: {} }]);
      assert.equal(outcome?.kind, "updated");
      const expected = plain({ ...entryOf("full", "z"), revisionNumber: 2, createdAt: now });
      assert.deepEqual(plain(outcome.entry), expected);
      assert.deepEqual(plain(await store.findEntry("full")), expected);
    });

    it("finds an updated entry similar under its new place, and not under its old one", async () => {
      await using store = await open();
      const first = entryOf("one", "a");
      await store.createEntries([first], now);
      const parentId = entryOf("x", "b").parentId;
      await store.updateEntries([{ id: "one", change: { parentId } }]);
      const outcomes = await store.createEntries(
        [
          { ...first, id: "two", parentId },
          { ...first, id: "three" },
        ],
        now,
      );
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ["similar", "created"],
      );
    });

    it("refuses updates of what is not there or federates with an unknown trust domain", async () => {
      await using store = await open();
      await store.createEntries([entryOf("one", "a")], now);
      const federatesWith = [TrustDomain.parse("other.example")];
      const outcomes = await store.updateEntries([
        { id: "none", change: { hint: "x" } },
        { id: "one", change: { federatesWith } },
      ]);
      assert.deepEqual(outcomes, [{ kind: "not-found" }, { kind: "no-bundle", trustDomain: "other.example" }]);
      assert.equal((await store.findEntry("one"))?.revisionNumber, 0);
    });

    it("deletes once", async () => {
      await using store = await open();
      await store.createEntries([entryOf("one", "a")], now);
      assert.deepEqual(await store.deleteEntries(["one", "none", "one"]), [true, false, false]);
      assert.equal(await store.findEntry("one"), undefined);
      const [again] = await store.createEntries([entryOf("one", "a")], now + 5);
      assert.equal(again?.kind === "created" && again.entry.createdAt, now + 5);
    });

    it("deletes what expired, at its second, and nothing else", async () => {
      await using store = await open();
      const entries = [entryOf("never", "a"), entryOf("past", "b", { expiresAt: now - 1 })];
      entries.push(entryOf("now", "c", { expiresAt: now }), entryOf("soon", "d", { expiresAt: now + 1 }));
      await store.createEntries(entries, now - 10);
      assert.equal(await store.deleteExpiredEntries(now), 2);
      const left = await Promise.all(["never", "past", "now", "soon"].map((id) => store.findEntry(id)));
      assert.deepEqual(
        left.map((entry) => entry?.id),
        ["never", undefined, undefined, "soon"],
      );
      assert.equal(await store.deleteExpiredEntries(now), 0);
    });
  });
}
