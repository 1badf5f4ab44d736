import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { FederationRelationship } from "../../../proto/domain/federation.ts";
import { serverLimits } from "../../../server/limits.ts";
import { bundleDeleteModes, type Change, type Store } from "../../../server/store/ports.ts";
import { JwtAuthority, SpiffeBundle, SpiffeId, TrustDomain } from "../../../spiffe/index.ts";
import { entryOf, exampleTrustDomain } from "../../fakes/server-values.ts";
import { TestAuthority } from "../../fakes/test-authority.ts";
import { now, storeOwnBundle } from "./entries.ts";
import { readFeed, stateOf } from "./feed.ts";

const lifetime = { notBeforeMs: now * 1000, notAfterMs: (now + 1_000) * 1000 };
const a = TrustDomain.parse("a.example");
const b = TrustDomain.parse("b.example");

function authority(trustDomain: TrustDomain): TestAuthority {
  return new TestAuthority(trustDomain, lifetime);
}

function bundleOf(trustDomain: TrustDomain, parts: { readonly sequenceNumber?: bigint } = {}): SpiffeBundle {
  return authority(trustDomain)
    .bundle()
    .with({ refreshHint: 60, ...parts });
}

function relationship(
  trustDomain: TrustDomain,
  profile: FederationRelationship["profile"] = { kind: "https_web" },
): FederationRelationship {
  return { trustDomain, bundleEndpointUrl: `https://${trustDomain}/bundle`, profile };
}

function plain(value: FederationRelationship | undefined): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

function keys(changes: readonly Change[]): readonly string[] {
  return changes.map(({ type, key, value }) => `${value === undefined ? "-" : "+"}${type} ${key}`);
}

/** Every change must be told to listeners, and read again from the feed, the same. */
async function changesOf(store: Store, act: () => Promise<unknown>): Promise<readonly string[]> {
  const { n } = await store.head();
  const heard: Change[] = [];
  const unsubscribe = store.onChanges((changes) => heard.push(...changes));
  await act();
  unsubscribe();
  assert.deepEqual(keys(await readFeed(store, n, 100)), keys(heard));
  assert.deepEqual(
    heard.map((change) => change.n),
    heard.map((_change, index) => n + index + 1),
  );
  return keys(heard);
}

export function federationContract(open: () => Promise<Store>): void {
  describe("federated bundles", () => {
    it("creates what is not there, item by item, and answers with what is in the way", async () => {
      await using store = await open();
      const first = bundleOf(a, { sequenceNumber: 2n ** 64n - 1n });
      const second = bundleOf(b);
      const changes = await changesOf(store, async () => {
        const outcomes = await store.createBundles([first, bundleOf(a), second]);
        assert.deepEqual(
          outcomes.map(({ kind }) => kind),
          ["created", "exists", "created"],
        );
        assert.equal(outcomes[1]?.bundle.equals(first), true);
      });
      assert.deepEqual(changes, ["+bundle a.example", "+bundle b.example"]);
      assert.equal((await store.findBundle(a))?.equals(first), true);
      assert.equal((await store.findBundle(b))?.equals(second), true);
      assert.equal((await stateOf(store)).items.size, 2);
    });

    it("keeps the order of authorities, and a bundle that trusts nobody", async () => {
      await using store = await open();
      const many = SpiffeBundle.of(a, {
        x509Authorities: [authority(a), authority(a), authority(a)].map(({ certificate }) => ({ certificate })),
      });
      const serials = (bundle: SpiffeBundle | undefined) =>
        bundle?.x509Authorities.map(({ certificate }) => certificate.serialNumber);
      await store.setBundles([many]);
      assert.deepEqual(serials(await store.findBundle(a)), serials(many));
      const reversed = many.with({ x509Authorities: many.x509Authorities.toReversed() });
      await store.setBundles([reversed, SpiffeBundle.empty(b)]);
      assert.deepEqual(serials(await store.findBundle(a)), serials(reversed));
      assert.equal((await store.findBundle(b))?.equals(SpiffeBundle.empty(b)), true);
    });

    it("sets what is there or not, and takes no number for what is stored just so", async () => {
      await using store = await open();
      const first = bundleOf(a);
      const second = bundleOf(a, { sequenceNumber: 4n });
      assert.deepEqual(await changesOf(store, () => store.setBundles([first])), ["+bundle a.example"]);
      assert.deepEqual(await changesOf(store, () => store.setBundles([first])), []);
      const [stored] = await store.setBundles([second]);
      assert.equal(stored?.equals(second), true);
      assert.equal((await store.findBundle(a))?.equals(second), true);
    });

    it("updates only the parts given, and removes what is given as none", async () => {
      await using store = await open();
      const first = bundleOf(a, { sequenceNumber: 1n });
      const other = bundleOf(a);
      await store.setBundles([first]);
      const cases = [
        { x509Authorities: other.x509Authorities },
        { jwtAuthorities: [] },
        { sequenceNumber: 9n },
        { sequenceNumber: undefined, refreshHint: undefined },
      ] as const;
      let expected = first;
      for (const change of cases) {
        expected = expected.with(change);
        const [outcome] = await store.updateBundles([{ trustDomain: a, change }]);
        assert.ok(outcome?.kind === "updated");
        assert.equal(outcome.bundle.equals(expected), true, Object.keys(change).join());
        assert.equal((await store.findBundle(a))?.equals(expected), true);
      }
      assert.deepEqual(await store.updateBundles([{ trustDomain: b, change: {} }]), [{ kind: "not-found" }]);
      assert.equal(await store.findBundle(b), undefined);
    });

    for (const mode of bundleDeleteModes) {
      it(`deletes a bundle nobody federates with (${mode}), once, and it may come again`, async () => {
        await using store = await open();
        await store.setBundles([bundleOf(a), bundleOf(b)]);
        const changes = await changesOf(store, async () => {
          assert.deepEqual(await store.deleteBundles([a, a], mode), [
            { kind: "deleted", entries: 0 },
            { kind: "not-found" },
          ]);
        });
        assert.deepEqual(changes, ["-bundle a.example"]);
        assert.equal(await store.findBundle(a), undefined);
        assert.notEqual(await store.findBundle(b), undefined);
        await store.setBundles([bundleOf(a)]);
        assert.deepEqual([...(await stateOf(store)).items.keys()], ["bundle b.example", "bundle a.example"]);
      });
    }

    async function withFederatingEntries(store: Store): Promise<void> {
      await store.setBundles([bundleOf(a), bundleOf(b)]);
      const outcomes = await store.createEntries(
        [
          entryOf("both", "x", { federatesWith: [a, b] }),
          entryOf("only-a", "x", { federatesWith: [a] }),
          entryOf("only-b", "x", { federatesWith: [b] }),
          entryOf("none", "x"),
        ],
        now,
      );
      assert.ok(outcomes.every(({ kind }) => kind === "created"));
    }

    const entryIds = ["both", "only-a", "only-b", "none"];

    it("refuses in mode restrict while entries federate with it, and changes nothing", async () => {
      await using store = await open();
      await withFederatingEntries(store);
      const changes = await changesOf(store, async () => {
        assert.deepEqual(await store.deleteBundles([a], "restrict"), [{ kind: "in-use", entries: 2 }]);
      });
      assert.deepEqual(changes, []);
      assert.notEqual(await store.findBundle(a), undefined);
    });

    it("deletes in mode delete the entries that federate with it, and no other", async () => {
      await using store = await open();
      await withFederatingEntries(store);
      const changes = await changesOf(store, async () => {
        assert.deepEqual(await store.deleteBundles([a], "delete"), [{ kind: "deleted", entries: 2 }]);
      });
      assert.deepEqual(changes, ["-entry both", "-entry only-a", "-bundle a.example"]);
      const left = await Promise.all(entryIds.map((id) => store.findEntry(id)));
      assert.deepEqual(
        left.map((entry) => entry?.id),
        [undefined, undefined, "only-b", "none"],
      );
    });

    it("takes it in mode dissociate out of the entries, which get a new revision", async () => {
      await using store = await open();
      await withFederatingEntries(store);
      const changes = await changesOf(store, async () => {
        assert.deepEqual(await store.deleteBundles([a], "dissociate"), [{ kind: "deleted", entries: 2 }]);
      });
      assert.deepEqual(changes, ["+entry both", "+entry only-a", "-bundle a.example"]);
      const left = await Promise.all(entryIds.map((id) => store.findEntry(id)));
      assert.deepEqual(
        left.map((entry) => [entry?.federatesWith.map(({ name }) => name), entry?.revisionNumber]),
        [
          [["b.example"], 1],
          [[], 1],
          [["b.example"], 0],
          [[], 0],
        ],
      );
      assert.deepEqual(await store.deleteBundles([b], "restrict"), [{ kind: "in-use", entries: 2 }]);
    });

    it("never touches the own trust domain's bundle", async () => {
      await using store = await open();
      await storeOwnBundle(store);
      const own = bundleOf(exampleTrustDomain);
      const before = await store.findBundle(exampleTrustDomain);
      await assert.rejects(store.createBundles([own]), TypeError);
      await assert.rejects(store.setBundles([bundleOf(a), own]), TypeError);
      await assert.rejects(store.updateBundles([{ trustDomain: exampleTrustDomain, change: {} }]), TypeError);
      await assert.rejects(store.deleteBundles([exampleTrustDomain], "delete"), TypeError);
      await assert.rejects(
        store.createFederations([{ relationship: relationship(exampleTrustDomain), bundle: own }]),
        TypeError,
      );
      assert.equal((await store.findBundle(exampleTrustDomain))?.equals(before ?? own), true);
      assert.equal(await store.findBundle(a), undefined);
    });
  });

  describe("the own bundle", () => {
    it("takes authorities that it lacks, and counts one change", async () => {
      await using store = await open();
      await storeOwnBundle(store);
      const more = bundleOf(exampleTrustDomain);
      const outcome = await store.appendBundle(more);
      assert.ok(outcome.kind === "appended");
      const { bundle } = outcome;
      assert.deepEqual(
        [bundle.sequenceNumber, bundle.x509Authorities.length, bundle.jwtAuthorities.length],
        [2n, 2, 1],
      );
      assert.equal((await store.findBundle(exampleTrustDomain))?.equals(bundle), true);
      assert.deepEqual(await changesOf(store, () => store.appendBundle(more)), []);
    });

    it("refuses a key under the id of another one, and then takes nothing", async () => {
      await using store = await open();
      await storeOwnBundle(store);
      const [first, second] = [authority(exampleTrustDomain), authority(exampleTrustDomain)];
      const key = ({ spkiDer }: { readonly spkiDer: Uint8Array }) => JwtAuthority.of({ keyId: "k", spkiDer });
      await store.appendBundle({ x509Authorities: [], jwtAuthorities: [key(first.jwtAuthority())] });
      const x509Authorities = second.bundle().x509Authorities;
      const changes = await changesOf(store, async () => {
        const outcome = await store.appendBundle({ x509Authorities, jwtAuthorities: [key(second.jwtAuthority())] });
        assert.deepEqual(outcome, { kind: "key-id-taken", keyId: "k" });
      });
      assert.deepEqual(changes, []);
    });

    it("does not grow beyond its limit", async () => {
      await using store = await open();
      const { spkiDer } = authority(exampleTrustDomain).jwtAuthority();
      const jwtAuthorities = Array.from({ length: serverLimits.bundleAuthorities.value }, (_, n) =>
        JwtAuthority.of({ keyId: `k${n}`, spkiDer }),
      );
      assert.equal((await store.appendBundle({ x509Authorities: [], jwtAuthorities })).kind, "appended");
      const one = [JwtAuthority.of({ keyId: "more", spkiDer })];
      assert.equal((await store.appendBundle({ x509Authorities: [], jwtAuthorities: one })).kind, "full");
      assert.equal((await store.findBundle(exampleTrustDomain))?.jwtAuthority("more"), undefined);
    });
  });

  describe("federation relationships", () => {
    const spiffe = { kind: "https_spiffe", endpointSpiffeId: SpiffeId.of(b, "/endpoint") } as const;

    it("are created with or without a bundle, and answered with what is in the way", async () => {
      await using store = await open();
      const bundle = bundleOf(a);
      const changes = await changesOf(store, async () => {
        const outcomes = await store.createFederations([
          { relationship: relationship(a, spiffe), bundle },
          { relationship: relationship(a), bundle: bundleOf(a) },
          { relationship: relationship(b), bundle: undefined },
        ]);
        assert.deepEqual(
          outcomes.map(({ kind, relationship: made }) => [kind, plain(made)]),
          [
            ["created", plain(relationship(a, spiffe))],
            ["exists", plain(relationship(a, spiffe))],
            ["created", plain(relationship(b))],
          ],
        );
      });
      assert.deepEqual(changes, ["+bundle a.example", "+federation a.example", "+federation b.example"]);
      assert.equal((await store.findBundle(a))?.equals(bundle), true, "a refused item sets no bundle");
      assert.equal(await store.findBundle(b), undefined);
      assert.deepEqual(plain(await store.findFederation(a)), plain(relationship(a, spiffe)));
      const { items } = await stateOf(store);
      assert.deepEqual([...items.keys()].sort(), ["bundle a.example", "federation a.example", "federation b.example"]);
    });

    it("change by the fields given, in both directions between the profiles", async () => {
      await using store = await open();
      await store.createFederations([{ relationship: relationship(a), bundle: undefined }]);
      const bundleEndpointUrl = "https://elsewhere.example/";
      const update = async (change: Partial<FederationRelationship>, bundle?: SpiffeBundle): Promise<unknown> => {
        const [outcome] = await store.updateFederations([{ trustDomain: a, change, bundle }]);
        assert.ok(outcome?.kind === "updated");
        assert.deepEqual(plain(await store.findFederation(a)), plain(outcome.relationship));
        return plain(outcome.relationship);
      };
      assert.deepEqual(await update({ profile: spiffe }), plain(relationship(a, spiffe)));
      assert.deepEqual(await update({ bundleEndpointUrl }), plain({ ...relationship(a, spiffe), bundleEndpointUrl }));
      const bundle = bundleOf(a);
      assert.deepEqual(
        await update({ profile: { kind: "https_web" } }, bundle),
        plain({ ...relationship(a), bundleEndpointUrl }),
      );
      assert.equal((await store.findBundle(a))?.equals(bundle), true);
    });

    it("are not made by an update, nor is their bundle", async () => {
      await using store = await open();
      const changes = await changesOf(store, async () => {
        const update = { trustDomain: a, change: { bundleEndpointUrl: "https://x.example" }, bundle: bundleOf(a) };
        assert.deepEqual(await store.updateFederations([update]), [{ kind: "not-found" }]);
      });
      assert.deepEqual(changes, []);
    });

    it("are deleted once, and leave their bundle", async () => {
      await using store = await open();
      await store.createFederations([{ relationship: relationship(a), bundle: bundleOf(a) }]);
      const changes = await changesOf(store, async () => {
        assert.deepEqual(await store.deleteFederations([a, b, a]), [true, false, false]);
      });
      assert.deepEqual(changes, ["-federation a.example"]);
      assert.equal(await store.findFederation(a), undefined);
      assert.notEqual(await store.findBundle(a), undefined);
    });
  });
}
