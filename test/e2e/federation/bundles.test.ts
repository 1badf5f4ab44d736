import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { decodeServerMessage, encodeHello } from "../../../proto/convert/sync.ts";
import type { SyncPage } from "../../../proto/domain/link.ts";
import type { Bundle } from "../../../proto/gen/spire/api/types/Bundle.ts";
import { bundleService, entryService, syncService } from "../../../proto/services.ts";
import { serverLimits } from "../../../server/limits.ts";
import { TrustDomain } from "../../../spiffe/index.ts";
import { TestAuthority } from "../../fakes/test-authority.ts";
import { type TestAgent, TestServer } from "../../fakes/test-server.ts";

const lifetime = { notBeforeMs: Date.now() - 1_000, notAfterMs: Date.now() + 86_400_000 };

function wireBundle(trustDomain: string, parts: Bundle = {}): Bundle {
  const authority = new TestAuthority(TrustDomain.parse("x"), lifetime);
  const { keyId, spkiDer } = authority.jwtAuthority();
  return {
    trust_domain: trustDomain,
    x509_authorities: [{ asn1: authority.certificate.der, tainted: true }],
    jwt_authorities: [{ key_id: keyId, public_key: spkiDer, expires_at: "7", tainted: true }],
    refresh_hint: "60",
    sequence_number: "18446744073709551615",
    ...parts,
  };
}

/** As the wire gives it back: what only a server may say is not taken from callers. */
function stored(bundle: Bundle): unknown {
  const plain = (bytes: unknown) => (bytes instanceof Uint8Array ? Buffer.from(bytes).toString("hex") : bytes);
  return JSON.parse(
    JSON.stringify({
      trust_domain: bundle.trust_domain,
      x509_authorities: bundle.x509_authorities?.map(({ asn1 }) => ({ asn1: plain(asn1), tainted: false })),
      jwt_authorities: bundle.jwt_authorities?.map((key) => {
        return { public_key: plain(key.public_key), key_id: key.key_id, expires_at: key.expires_at, tainted: false };
      }),
      refresh_hint: bundle.refresh_hint,
      sequence_number: bundle.sequence_number,
    }),
  );
}

/** Upserted (+) and removed (-). */
function foreignBundles({ resources, removed }: SyncPage): readonly string[] {
  const upserted = resources.flatMap((one) => (one.kind === "bundle" ? [`+${one.bundle.trustDomain}`] : []));
  return [...upserted.filter((one) => one !== "+example.org"), ...removed.map((key) => `-${key}`)];
}

describe("federated bundles on real sockets", () => {
  let world: TestServer;
  let agent: TestAgent;
  before(async () => {
    world = await TestServer.start();
    agent = await world.agent("bundles");
  });
  after(() => world[Symbol.asyncDispose]());

  const create = (...bundle: Bundle[]) => world.admin.unary(bundleService.BatchCreateFederatedBundle, { bundle });
  const set = (...bundle: Bundle[]) => world.admin.unary(bundleService.BatchSetFederatedBundle, { bundle });
  const get = (trust_domain: string) => world.admin.unary(bundleService.GetFederatedBundle, { trust_domain });
  const remove = (mode: "RESTRICT" | "DELETE" | "DISSOCIATE", ...trust_domains: string[]) =>
    world.admin.unary(bundleService.BatchDeleteFederatedBundle, { trust_domains, mode });
  const codes = ({ results }: { readonly results: readonly { readonly status: { readonly code: number } | null }[] }) =>
    results.map(({ status }) => status?.code);

  it("are created item by item: OK, AlreadyExists with the one there is, InvalidArgument", async () => {
    const first = wireBundle("create.test");
    const answer = await create(
      first,
      wireBundle("create.test"),
      wireBundle("example.org"),
      wireBundle("Not A Name"),
      wireBundle("spiffe://by-id.test"),
    );
    assert.deepEqual(codes(answer), [0, 6, 3, 3, 0]);
    const [made, existing, own] = answer.results;
    assert.equal(made?.status?.message, "OK");
    for (const result of [made, existing]) assert.deepEqual(result?.bundle && stored(result.bundle), stored(first));
    assert.equal(own?.bundle, null);
    assert.deepEqual(stored(await get("spiffe://create.test")), stored(first));
    assert.equal((await get("by-id.test")).trust_domain, "by-id.test");
  });

  it("are not read, written and shown again and again for one small batch", async () => {
    const some = (count: number) => Array.from({ length: count }, () => ({ trust_domain: "often.test" }));
    await create({ trust_domain: "often.test" });
    const most = serverLimits.batchRepeats.value;
    const times = (code: number) => Array.from({ length: most }, () => code);
    const created = await create(...some(most), { trust_domain: "other.test" }, ...some(2));
    assert.deepEqual(codes(created), [...times(6), 0, 3, 3]);
    assert.deepEqual(codes(await set(...some(most + 1))), [...times(0), 3]);
  });

  it("take nothing that is not what it says", async () => {
    const good = wireBundle("refused.test");
    const [certificate] = good.x509_authorities ?? [];
    const [key] = good.jwt_authorities ?? [];
    const der = Buffer.from(certificate?.asn1 ?? "");
    const bad: readonly Bundle[] = [
      { x509_authorities: [{ asn1: der.subarray(0, -1) }] },
      { x509_authorities: [{ asn1: Buffer.concat([der, Buffer.from([0])]) }] },
      { x509_authorities: [{ asn1: Buffer.alloc(0) }] },
      { x509_authorities: Array.from({ length: 513 }, () => ({ asn1: der })) },
      { x509_authorities: [{ asn1: Buffer.concat(Array.from({ length: 900 }, () => der)) }] },
      { jwt_authorities: [{ ...key, public_key: der }] },
      { jwt_authorities: [{ ...key, key_id: "" }] },
      { jwt_authorities: [{ ...key, expires_at: "-1" }] },
      {
        jwt_authorities: [
          { ...key },
          ...(wireBundle("x").jwt_authorities ?? []).map((one) => ({ ...one, key_id: key?.key_id ?? "" })),
        ],
      },
      { jwt_authorities: Array.from({ length: 513 }, () => ({ ...key })) },
      { refresh_hint: "-1" },
      { refresh_hint: "9223372036854775807" },
    ];
    const answer = await set(...bad.map((parts) => ({ ...good, ...parts })));
    assert.deepEqual(
      codes(answer),
      bad.map(() => 3),
    );
    for (const { status } of answer.results) assert.match(status?.message ?? "", /^(x509_|jwt_|refresh_)/);
    await assert.rejects(get("refused.test"), { code: "ERR_BUNDLE_NOT_FOUND", status: "notFound" });
    assert.deepEqual(codes(await set(good)), [0], "the same, not broken, is taken");
  });

  it("may have several certificates in one item", async () => {
    const [one, two] = [wireBundle("x"), wireBundle("x")].map(({ x509_authorities }) => x509_authorities?.[0]?.asn1);
    const asn1 = Buffer.concat([Buffer.from(one ?? ""), Buffer.from(two ?? "")]);
    await set(wireBundle("several.test", { x509_authorities: [{ asn1 }] }));
    const { x509_authorities } = await get("several.test");
    assert.deepEqual(
      x509_authorities.map((item) => item.asn1),
      [one, two].map((der) => Buffer.from(der ?? "")),
    );
  });

  it("are set whether they are there or not", async () => {
    for (const bundle of [
      wireBundle("set.test"),
      wireBundle("set.test", { refresh_hint: "0", sequence_number: "0" }),
    ]) {
      const { results } = await set(bundle, wireBundle("example.org"));
      assert.deepEqual(codes({ results }), [0, 3]);
      assert.deepEqual(stored(await get("set.test")), stored(bundle));
    }
  });

  it("are updated by the fields that the mask names, all without one, and not made", async () => {
    const first = wireBundle("update.test");
    await set(first);
    const second = wireBundle("update.test", { refresh_hint: "5", sequence_number: "6" });
    const update = (bundle: Bundle, input_mask?: object) =>
      world.admin.unary(bundleService.BatchUpdateFederatedBundle, {
        bundle: [bundle],
        ...(input_mask && { input_mask }),
      });
    const broken = { ...second, x509_authorities: [{ asn1: Buffer.from("not looked at") }] };
    assert.deepEqual(codes(await update(broken, { refresh_hint: true })), [0]);
    assert.deepEqual(stored(await get("update.test")), stored({ ...first, refresh_hint: "5" }));
    assert.deepEqual(codes(await update(broken)), [3]);
    assert.deepEqual(codes(await update(second, { x509_authorities: true, sequence_number: true })), [0]);
    assert.deepEqual(
      stored(await get("update.test")),
      stored({ ...second, jwt_authorities: first.jwt_authorities ?? [] }),
    );
    assert.deepEqual(codes(await update(second)), [0]);
    assert.deepEqual(stored(await get("update.test")), stored(second));
    assert.deepEqual(codes(await update(wireBundle("none.test"))), [5]);
    assert.deepEqual(codes(await update(wireBundle("example.org"))), [3]);
    await assert.rejects(get("none.test"), { code: "ERR_BUNDLE_NOT_FOUND" });
  });

  it("are shown by the fields that the mask names", async () => {
    await set(wireBundle("masked.test"));
    const request = { trust_domain: "masked.test", output_mask: { sequence_number: true } };
    const masked = await world.admin.unary(bundleService.GetFederatedBundle, request);
    assert.deepEqual(
      [masked.trust_domain, masked.sequence_number, masked.refresh_hint, masked.x509_authorities],
      ["masked.test", "18446744073709551615", "0", []],
    );
    const { results } = await world.admin.unary(bundleService.BatchSetFederatedBundle, {
      bundle: [wireBundle("masked.test")],
      output_mask: {},
    });
    assert.deepEqual(results[0]?.bundle?.jwt_authorities, []);
    const own = await world.admin.unary(bundleService.GetBundle, { output_mask: { jwt_authorities: true } });
    assert.deepEqual([own.x509_authorities.length, own.jwt_authorities.length], [0, 1]);
  });

  it("are listed in pages by name without the own one, and counted with it", async () => {
    const { count: before } = await world.admin.unary(bundleService.CountBundles, {});
    await set(...["p.c.test", "p.a.test", "p.b.test"].map((name) => wireBundle(name)));
    assert.equal((await world.admin.unary(bundleService.CountBundles, {})).count, before + 3);
    const list = (page_size: number, page_token = "") =>
      world.admin.unary(bundleService.ListFederatedBundles, { page_size, page_token, output_mask: {} });
    const all = await list(0);
    const names = all.bundles.map(({ trust_domain }) => trust_domain);
    assert.deepEqual([names.length, all.next_page_token, names.includes("example.org")], [before + 2, "", false]);
    assert.deepEqual(names, [...names].sort());
    const seen: string[] = [];
    for (let token = ""; ; ) {
      const page = await list(2, token);
      seen.push(...page.bundles.map(({ trust_domain }) => trust_domain));
      token = page.next_page_token;
      if (token === "") break;
      assert.equal(page.bundles.length, 2);
      const tampered = (token.startsWith("A") ? "B" : "A") + token.slice(1);
      await assert.rejects(list(2, tampered), { code: "ERR_PAGE_TOKEN", status: "invalidArgument" });
    }
    assert.deepEqual(seen, names);
    await assert.rejects(list(-1), { status: "invalidArgument" });
  });

  it("are deleted by mode, and never from under an entry unasked", async () => {
    for (const mode of ["RESTRICT", "DELETE", "DISSOCIATE"] as const) {
      await set(wireBundle("deleted.test"), wireBundle("kept.test"));
      const federates_with = ["deleted.test", "kept.test"];
      const entryId = await world.createEntry(agent, `/federated/${mode}`, { federates_with });
      const answer = await remove(mode, "deleted.test", "none.test", "example.org", "", "deleted.test");
      const second = mode === "RESTRICT" ? 9 : 5;
      assert.deepEqual(codes(answer), [mode === "RESTRICT" ? 9 : 0, 5, 3, 3, second]);
      assert.deepEqual(
        answer.results.map(({ trust_domain }) => trust_domain),
        ["deleted.test", "none.test", "example.org", "", "deleted.test"],
      );
      const entry = world.admin.unary(entryService.GetEntry, { id: entryId });
      if (mode === "DELETE") await assert.rejects(entry, { code: "ERR_ENTRY_NOT_FOUND" });
      else {
        assert.deepEqual((await entry).federates_with, mode === "RESTRICT" ? federates_with : ["kept.test"]);
        await world.admin.unary(entryService.BatchDeleteEntry, { ids: [entryId] });
      }
    }
    const unknownMode = {
      ...bundleService.BatchDeleteFederatedBundle,
      requestSerialize: () => Buffer.from("\x0a\x09kept.test\x10\x03"),
    };
    await assert.rejects(world.admin.unary(unknownMode, {}), { status: "invalidArgument", message: /^mode: 3 / });
    assert.equal((await get("kept.test")).trust_domain, "kept.test");
  });

  it("go to the agents whose entries federate with them, and leave again", async () => {
    const call = world.dialAs(agent).bidi(syncService.Open);
    call.send(encodeHello({ protocol: 1, capabilities: [], held: [], agentVersion: "test" }));
    const messages = call.responses[Symbol.asyncIterator]();
    /** Up to the last page of the next change of entries, or of bundles. */
    const until = async (type: "entry" | "bundle"): Promise<readonly string[]> => {
      const heard: string[] = [];
      for (;;) {
        const { done, value } = await messages.next();
        assert.notEqual(done, true, "the stream ended");
        const message = decodeServerMessage(value);
        if (message?.kind !== "page") continue;
        if (message.type === "bundle") heard.push(...foreignBundles(message));
        if (message.type === type && message.last) return heard;
      }
    };
    await set(wireBundle("pushed.test"), wireBundle("unrelated.test"));
    assert.deepEqual(await until("entry"), []);
    await world.createEntry(agent, "/pushed", { federates_with: ["pushed.test"] });
    assert.deepEqual(await until("entry"), ["+pushed.test"]);
    await set(wireBundle("pushed.test"), wireBundle("unrelated.test"));
    assert.deepEqual(await until("bundle"), ["+pushed.test"]);
    await remove("DISSOCIATE", "pushed.test");
    assert.deepEqual(await until("entry"), ["-pushed.test"]);
    call.cancel();
  });
});

describe("the own bundle on real sockets", () => {
  it("takes authorities of an administrator, once, and counts it", async () => {
    await using world = await TestServer.start();
    const before = await world.admin.unary(bundleService.GetBundle, {});
    const { x509_authorities = [], jwt_authorities = [] } = wireBundle("example.org");
    const append = (request: object) => world.admin.unary(bundleService.AppendBundle, request);
    const appended = await append({ x509_authorities, jwt_authorities });
    assert.deepEqual(
      [appended.x509_authorities.length, appended.jwt_authorities.length, Number(appended.sequence_number)],
      [2, 2, Number(before.sequence_number) + 1],
    );
    const again = await append({ x509_authorities, output_mask: { sequence_number: true } });
    assert.deepEqual([again.sequence_number, again.x509_authorities], [appended.sequence_number, []]);
    assert.deepEqual(await world.admin.unary(bundleService.GetBundle, {}), appended);
    const [key] = jwt_authorities;
    const other = wireBundle("x").jwt_authorities?.map((one) => ({ ...one, key_id: key?.key_id ?? "" }));
    for (const [request, code] of [
      [{}, "ERR_MALFORMED_REQUEST"],
      [{ wit_authorities: [{ key_id: "w" }] }, "ERR_MALFORMED_REQUEST"],
      [{ x509_authorities: [{ asn1: Buffer.from("x") }] }, "ERR_MALFORMED_REQUEST"],
      [{ x509_authorities, jwt_authorities: other }, "ERR_JWT_KEY_TAKEN"],
    ] as const) {
      await assert.rejects(append(request), { code });
    }
    assert.deepEqual(await world.admin.unary(bundleService.GetBundle, {}), appended);
  });
});
