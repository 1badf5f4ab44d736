import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeWorkloadApi } from "../../test/fakes/fake-workload-api.ts";
import { TestCa } from "../../test/fakes/test-ca.ts";
import { timeOutOnceRefused } from "../../test/fakes/time-out-once-refused.ts";
import { X509Source } from "./x509-source.ts";

function changed(source: X509Source): Promise<void> {
  return new Promise((resolve) => {
    const stop = source.onChange(() => {
      stop();
      resolve();
    });
  });
}

describe("X509Source", () => {
  it("waits for the first update and then always has the newest state", async () => {
    const ca = await TestCa.create("one.test");
    await using api = await FakeWorkloadApi.start();
    const opening = X509Source.open({ endpoint: api.endpoint, timeoutMs: 10_000 });
    const first = await ca.issue("/web");
    api.update({ svids: [first], bundles: [ca.bundle] });
    await using source = await opening;
    assert.equal(source.svid.id.toString(), "spiffe://one.test/web");
    assert.equal(source.svid.leaf.serialNumber, first.leaf.serialNumber);
    assert.equal(source.get(ca.trustDomain)?.x509Authorities.length, 1);
    const second = await ca.issue("/web");
    const next = changed(source);
    api.update({ svids: [second], bundles: [ca.bundle] });
    await next;
    assert.equal(source.svid.leaf.serialNumber, second.leaf.serialNumber);
    assert.equal(source.health.isConnected, true);
  });

  it("says what was missing when the first update does not come in time", async () => {
    await using api = await FakeWorkloadApi.start();
    await assert.rejects(
      X509Source.open({ endpoint: api.endpoint, ...timeOutOnceRefused() }),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, "ERR_SOURCE_TIMEOUT");
        assert.ok(error.cause instanceof Error);
        assert.match(error.cause.message, /no identity issued/);
        return true;
      },
    );
  });

  it("stops at once when the request itself is refused", async () => {
    await using api = await FakeWorkloadApi.start();
    api.refuseForGood();
    await assert.rejects(X509Source.open({ endpoint: api.endpoint }), { code: "ERR_WORKLOAD_API_INVALID" });
    assert.equal(api.calls, 1);
  });

  it("rejects with the signal's reason", async () => {
    await using api = await FakeWorkloadApi.start();
    const reason = new Error("enough");
    await assert.rejects(X509Source.open({ endpoint: api.endpoint, signal: AbortSignal.abort(reason) }), reason);
  });

  it("serves the last state through an outage and reconnects by itself", async () => {
    const ca = await TestCa.create("one.test");
    await using api = await FakeWorkloadApi.start();
    const first = await ca.issue("/web");
    api.update({ svids: [first], bundles: [ca.bundle] });
    await using source = await X509Source.open({ endpoint: api.endpoint });
    await api.disappear();
    assert.equal(source.svid.leaf.serialNumber, first.leaf.serialNumber);
    const second = await ca.issue("/web");
    const next = changed(source);
    api.update({ svids: [second], bundles: [ca.bundle] });
    await api.listen();
    await next;
    assert.equal(source.svid.leaf.serialNumber, second.leaf.serialNumber);
  });

  it("fails closed when the SVID has expired, and when everything is withdrawn", async () => {
    const ca = await TestCa.create("one.test");
    await using api = await FakeWorkloadApi.start();
    api.update({ svids: [await ca.issue("/web", { notAfterMs: Date.now() - 1000 })], bundles: [ca.bundle] });
    await using source = await X509Source.open({ endpoint: api.endpoint });
    assert.throws(() => source.svid, { code: "ERR_SOURCE_EXPIRED" });
    const next = changed(source);
    api.deny();
    await next;
    assert.throws(() => source.svid, { code: "ERR_WORKLOAD_API_DENIED" });
    assert.equal(source.get(ca.trustDomain), undefined);
  });

  it("discards an update that is not legal and keeps what it has", async () => {
    const ca = await TestCa.create("one.test");
    const other = await TestCa.create("other.test");
    await using api = await FakeWorkloadApi.start();
    const good = await ca.issue("/web");
    api.update({ svids: [good], bundles: [ca.bundle] });
    await using source = await X509Source.open({ endpoint: api.endpoint });
    for (const bad of [Buffer.from([0xff, 0xff]), Buffer.from([0x0a, 0x02, 0x12, 0x00]), Buffer.alloc(0)]) {
      api.sendRaw(bad);
      while (source.health.lastProblem?.code !== "ERR_WORKLOAD_API_MALFORMED")
        await new Promise((resolve) => setTimeout(resolve, 2));
      assert.equal(source.svid.leaf.serialNumber, good.leaf.serialNumber);
      const next = changed(source);
      const knows = source.get(other.trustDomain) !== undefined;
      api.update({ svids: [good], bundles: knows ? [ca.bundle] : [ca.bundle, other.bundle] });
      await next;
      assert.equal(source.health.lastProblem, undefined);
      assert.equal(source.get(other.trustDomain) !== undefined, !knows);
    }
  });

  it("lets a picker choose, and keeps only the first of two identities with one hint", async () => {
    const ca = await TestCa.create("one.test");
    await using api = await FakeWorkloadApi.start();
    const svids = await Promise.all([
      ca.issue("/a", { hint: "internal" }),
      ca.issue("/b", { hint: "internal" }),
      ca.issue("/c", { hint: "external" }),
    ]);
    api.update({ svids, bundles: [ca.bundle] });
    await using source = await X509Source.open({
      endpoint: api.endpoint,
      pick: (all) => all.find((svid) => svid.hint === "external"),
    });
    assert.equal(source.svid.id.path, "/c");
    assert.deepEqual(
      source.svids.map((svid) => svid.id.path),
      ["/a", "/c"],
    );
  });

  it("throws ERR_SOURCE_CLOSED after close", async () => {
    const ca = await TestCa.create("one.test");
    await using api = await FakeWorkloadApi.start();
    api.update({ svids: [await ca.issue("/web")], bundles: [ca.bundle] });
    const source = await X509Source.open({ endpoint: api.endpoint });
    await source.close();
    await source.close();
    assert.throws(() => source.svid, { code: "ERR_SOURCE_CLOSED" });
  });
});
