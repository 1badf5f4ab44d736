import assert from "node:assert/strict";
import { Socket } from "node:net";
import { describe, it } from "node:test";
import { TLSSocket } from "node:tls";
import { BundleMap, type X509Svid } from "../../spiffe/index.ts";
import { FakeClock, settle } from "../../test/fakes/fake-clock.ts";
import { TestCa } from "../../test/fakes/test-ca.ts";
import { predicate } from "../authorize.ts";
import type { IdentitySource } from "../source/identity-source.ts";
import { setContext } from "../source/source-context.ts";
import type { CloseReason } from "./closing.ts";
import { closeInTime } from "./open-connections.ts";
import type { Peer } from "./peers.ts";
import { verifyPeer } from "./verify-peer.ts";

/** A source without a Workload API. */
class StillSource implements IdentitySource {
  readonly svid: X509Svid;
  bundles: BundleMap;
  readonly listeners = new Set<() => void>();

  constructor(svid: X509Svid, bundles: BundleMap, clock: FakeClock) {
    this.svid = svid;
    this.bundles = bundles;
    setContext(this, { clock });
  }

  get(...of: Parameters<BundleMap["get"]>): ReturnType<BundleMap["get"]> {
    return this.bundles.get(...of);
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  change(bundles: BundleMap): void {
    this.bundles = bundles;
    for (const listener of this.listeners) listener();
  }
}

describe("many open connections", () => {
  const sockets: TLSSocket[] = [];
  const left = (): number => sockets.filter(({ destroyed }) => !destroyed).length;

  function open(source: StillSource, peer: Peer, reasons: readonly CloseReason[], connections: number): void {
    sockets.length = 0;
    const closing = { reasons: new Set(reasons), graceMs: 10_000 };
    for (let count = 0; count < connections; count += 1) {
      const socket = new TLSSocket(new Socket());
      sockets.push(socket);
      closeInTime(source, { socket, peer, usage: "client", ownNotAfter: source.svid.notAfter, closing });
    }
  }

  it("are verified again a few at a time after a change of bundles, and no listener is left behind", async () => {
    const clock = new FakeClock(Date.now());
    const one = await TestCa.create("one.test");
    const two = await TestCa.create("two.test");
    const forged = await TestCa.create("two.test");
    const source = new StillSource(await one.issue("/db"), BundleMap.of([one.bundle, two.bundle]), clock);
    const anybody = predicate(() => true);
    const peer = verifyPeer(source, anybody, "client", (await two.issue("/web")).chain);
    open(source, peer, ["distrusted"], 400);
    assert.equal(source.listeners.size, 1);
    const both = two.bundle.with({
      x509Authorities: [...two.bundle.x509Authorities, ...forged.bundle.x509Authorities],
    });
    source.change(BundleMap.of([one.bundle, both]));
    await clock.advance(100);
    assert.equal(left(), 400);
    source.change(BundleMap.of([one.bundle, forged.bundle]));
    assert.equal(left(), 200);
    await clock.advance(100);
    assert.equal(left(), 0);
    await settle();
    assert.equal(source.listeners.size, 0);
    assert.equal(clock.pendingTimers, 0);
  });

  it("are one timer, which looks at them once a second at most", async () => {
    const clock = new FakeClock(Date.now());
    const one = await TestCa.create("one.test");
    const source = new StillSource(await one.issue("/db"), BundleMap.of([one.bundle]), clock);
    const svid = await one.issue("/web", { notAfterMs: Date.now() + 60_000 });
    const peer = verifyPeer(
      source,
      predicate(() => true),
      "client",
      svid.chain,
    );
    open(source, peer, ["peer-expired", "own-expired"], 100);
    assert.equal(clock.pendingTimers, 1);
    await clock.advance(58_000);
    assert.equal(left(), 100);
    await clock.advance(3_000);
    assert.equal(left(), 0);
    await settle();
    assert.equal(clock.pendingTimers, 0);
  });
});
