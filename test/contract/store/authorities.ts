import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { describe, it } from "node:test";
import { encodeSpki } from "../../../certs/index.ts";
import type { AuthorityRecord } from "../../../server/domain/authority.ts";
import type { Store } from "../../../server/store/ports.ts";
import type { SpiffeBundle } from "../../../spiffe/index.ts";
import { TrustDomain } from "../../../spiffe/index.ts";
import { generateKeyAtOnce } from "../../fakes/keys-at-once.ts";
import { exampleTrustDomain } from "../../fakes/server-values.ts";
import { TestCa } from "../../fakes/test-ca.ts";
import { now } from "./entries.ts";

function record(id: string, parts: Partial<AuthorityRecord> = {}): AuthorityRecord {
  return {
    ...{ kind: "x509", id, serverId: "server-1", state: "prepared", keyId: `key-${id}` },
    ...{ chain: [], anchors: [], publicKey: new Uint8Array(), upstreamId: "" },
    ...{ issuedAt: now, notAfter: now + 100, changedAt: now },
    ...parts,
  };
}

async function spki(): Promise<Uint8Array> {
  return encodeSpki(createPublicKey(await generateKeyAtOnce("ec-p256")));
}

function keyIds(bundle: SpiffeBundle | undefined): readonly string[] | undefined {
  return bundle?.jwtAuthorities.map(({ keyId, tainted }) => (tainted ? `${keyId} tainted` : keyId));
}

export function authorityStoreContract(open: () => Promise<Store>): void {
  describe("authorities and bundles", () => {
    it("reads back every field, bytes included, in the order of kind, time and id", async () => {
      await using store = await open();
      const full = record("full", {
        ...{ state: "active", chain: [Buffer.from([1, 2]), Buffer.from([3])], anchors: [Buffer.from([4])] },
        ...{ publicKey: Buffer.from([5, 6]), upstreamId: "up", notAfter: now + 7, changedAt: now + 8 },
      });
      const put = [record("b"), record("a"), record("old", { issuedAt: now - 1 }), record("k", { kind: "jwt" }), full];
      await store.commitAuthorities({ put, remove: [], bundleEdits: [] });
      const listed = await store.listAuthorities();
      assert.deepEqual(
        listed.map(({ kind, id }) => `${kind}/${id}`),
        ["jwt/k", "x509/old", "x509/a", "x509/b", "x509/full"],
      );
      const read = listed.at(-1);
      const bytes = (from: AuthorityRecord | undefined): unknown =>
        [...(from?.chain ?? []), from?.publicKey, ...(from?.anchors ?? [])].map((part) => [...(part ?? [])]);
      assert.deepEqual(bytes(read), bytes(full));
      assert.deepEqual(
        { ...read, chain: [], anchors: [], publicKey: [] },
        { ...full, chain: [], anchors: [], publicKey: [] },
      );
    });

    it("replaces by kind and id, removes by key, and does not mind keys that are gone", async () => {
      await using store = await open();
      const first = record("a", { chain: [Buffer.from([1])] });
      await store.commitAuthorities({ put: [first, record("provisional")], remove: [], bundleEdits: [] });
      await store.commitAuthorities({
        put: [record("a", { state: "active", chain: [Buffer.from([2]), Buffer.from([3])] })],
        remove: ["x509/provisional", "x509/none", "jwt/a"],
        bundleEdits: [],
      });
      const [only, ...rest] = await store.listAuthorities();
      assert.deepEqual(rest, []);
      assert.deepEqual([only?.state, only?.chain.map((der) => [...der])], ["active", [[2], [3]]]);
    });

    it("makes the own bundle, and raises its sequence number with its authorities only", async () => {
      await using store = await open();
      assert.equal(await store.findBundle(exampleTrustDomain), undefined);
      const empty = await store.commitAuthorities({ put: [], remove: [], bundleEdits: [] });
      assert.deepEqual([empty.sequenceNumber, empty.trustDomain.name], [0n, "example.org"]);
      const { certificate } = await TestCa.create("example.org", now * 1000);
      const add = { kind: "add-x509", certificateDer: certificate.der } as const;
      const publicKey = await spki();
      const addJwt = { kind: "add-jwt", keyId: "k", publicKey, expiresAt: now + 9 } as const;
      const both = await store.commitAuthorities({ put: [], remove: [], bundleEdits: [add, addJwt] });
      assert.equal(both.sequenceNumber, 1n);
      assert.equal(both.x509Authorities[0]?.certificate.equals(certificate), true);
      assert.equal(both.jwtAuthority("k")?.expiresAt, now + 9);
      const same = await store.commitAuthorities({ put: [record("a")], remove: [], bundleEdits: [add, addJwt] });
      assert.equal(same.sequenceNumber, 1n, "adding what is there is no change");
      assert.equal((await store.findBundle(exampleTrustDomain))?.equals(same), true);
      assert.equal(await store.findBundle(TrustDomain.parse("other.example")), undefined);
    });

    it("taints and removes by id and certificate, each once", async () => {
      await using store = await open();
      const { certificate } = await TestCa.create("example.org", now * 1000);
      const other = await TestCa.create("example.org", now * 1000);
      const publicKey = await spki();
      await store.commitAuthorities({
        put: [],
        remove: [],
        bundleEdits: [
          { kind: "add-x509", certificateDer: certificate.der },
          { kind: "add-x509", certificateDer: other.certificate.der },
          { kind: "add-jwt", keyId: "k", publicKey, expiresAt: 0 },
          { kind: "add-jwt", keyId: "l", publicKey: await spki(), expiresAt: 0 },
        ],
      });
      const taint = [
        { kind: "taint-x509", subjectKeyId: certificate.subjectKeyId ?? "" } as const,
        { kind: "taint-jwt", keyId: "k" } as const,
      ];
      const tainted = await store.commitAuthorities({ put: [], remove: [], bundleEdits: taint });
      assert.equal(tainted.sequenceNumber, 2n);
      assert.deepEqual(
        tainted.x509Authorities.map((authority) => authority.tainted),
        [true, false],
      );
      assert.deepEqual(keyIds(tainted), ["k tainted", "l"]);
      const again = await store.commitAuthorities({ put: [], remove: [], bundleEdits: taint });
      assert.equal(again.sequenceNumber, 2n);
      const removed = await store.commitAuthorities({
        put: [],
        remove: [],
        bundleEdits: [
          { kind: "remove-x509", certificateDer: certificate.der },
          { kind: "remove-jwt", keyId: "k" },
          { kind: "remove-jwt", keyId: "none" },
        ],
      });
      assert.deepEqual([removed.sequenceNumber, removed.x509Authorities.length, keyIds(removed)], [3n, 1, ["l"]]);
      assert.equal(removed.x509Authorities[0]?.certificate.equals(other.certificate), true);
    });

    it("commits all of it or nothing", async () => {
      await using store = await open();
      const before = await store.head();
      const bundleEdits = [{ kind: "add-x509", certificateDer: Buffer.from("no certificate") }] as const;
      await assert.rejects(store.commitAuthorities({ put: [record("a")], remove: [], bundleEdits }));
      assert.deepEqual(await store.listAuthorities(), []);
      assert.deepEqual(await store.head(), before);
    });

    it("keeps one server id", async () => {
      await using store = await open();
      const id = await store.serverId();
      await store.commitAuthorities({ put: [record("a", { serverId: "another" })], remove: [], bundleEdits: [] });
      assert.equal(await store.serverId(), id);
      assert.match(id, /^[0-9a-f-]{36}$/);
    });
  });
}
