import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseJwtSvid, SpiffeId, verifyJwtSvid, verifyX509Svid } from "../../spiffe/index.ts";
import { AuthorityWorld, hour, testTrustDomain } from "../../test/fakes/authority-world.ts";
import { RotatingTlsIdentity, type TlsIdentity } from "../tls-identity.ts";

describe("a month of rotations on virtual time", () => {
  it("leaves nothing unverifiable and nothing behind", async () => {
    const world = new AuthorityWorld();
    const { clock, random, logger } = world;
    const authorities = await world.start();
    const issuance = world.issuance(authorities, { defaultX509SvidTtl: 8 * hour });
    const identities: TlsIdentity[] = [];
    const identity = await RotatingTlsIdentity.start({ issuance, clock, random, logger }, (next) =>
      identities.push(next),
    );
    const stop = new AbortController();
    const running = [authorities.run(stop.signal), identity.run(stop.signal)];
    const issuers = new Set<string>();
    const serials = new Set<string>();
    const svids: { readonly chain: readonly Uint8Array[]; readonly token: string; readonly until: number }[] = [];

    for (let hours = 0; hours < 30 * 24; hours += 6) {
      await clock.advance(6 * hour * 1000);
      issuers.add(authorities.x509Issuer().authorityId);
      const atMs = clock.now();
      const bundles = { get: () => authorities.bundle };
      const id = SpiffeId.of(testTrustDomain, "/w");
      const jwt = await issuance.issueJwtSvid({
        id,
        audience: ["a"],
        ttl: 0,
        notAfterCap: 0,
        hint: "",
        includeJti: false,
      });
      svids.push({
        chain: identity.current.chain,
        token: jwt.token,
        until: Math.min(identity.current.notAfter, jwt.expiresAt),
      });
      for (const svid of svids.filter(({ until }) => until * 1000 > atMs)) {
        const { path } = verifyX509Svid({ chain: svid.chain, bundles, atMs, usage: "server" });
        serials.add(path[0]?.serialNumber ?? "");
        verifyJwtSvid({ token: svid.token, audience: "a", bundles, atMs });
      }
      assert.ok(authorities.bundle.x509Authorities.length <= 5);
      assert.ok(authorities.bundle.jwtAuthorities.length <= 5);
      assert.ok((await world.keyManager.listKeyIds()).length <= 4);
    }

    stop.abort();
    await Promise.all(running);
    // A successor is made at half of a life, which is when its own begins.
    assert.equal(issuers.size, 60);
    // At half of eight hours, earlier where the end of the CA cut the life short.
    assert.ok(identities.length >= 180 && identities.length <= 300, `${identities.length} identities`);
    assert.equal(serials.size, svids.length);
    assert.equal(new Set(svids.map(({ token }) => parseJwtSvid(token).issuedAt)).size, svids.length);
    assert.equal(clock.pendingTimers, 0);
    assert.ok(authorities.bundle.sequenceNumber !== undefined && authorities.bundle.sequenceNumber < 260n);
  });
});
