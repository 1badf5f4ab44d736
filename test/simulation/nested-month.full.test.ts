// needs: time; budget: 400
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { verifyJwtSvid, verifyX509Svid } from "../../spiffe/index.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { NestedServer, nestedConfig } from "./nested-server.ts";

const config = nestedConfig({ agent: 3_600, x509Svid: 3_600, jwtSvid: 300, ca: 86_400 });
const days = 30;
const hourMs = 3_600_000;
/** Of the day on which the root's authority is tainted and, an hour later, revoked. */
const compromised = [7, 19];

describe("three servers under one another, a month on virtual time", () => {
  it("verify each other's SVIDs at every hour, through rotations and two compromised roots", async () => {
    const clock = new FakeClock();
    await using root = await NestedServer.start("root", undefined, config, clock, 1);
    await using middle = await NestedServer.start("middle", root, config, clock, 2);
    await using leaf = await NestedServer.start("leaf", middle, config, clock, 3);
    const servers = { root, middle, leaf };
    const issuers = new Map<string, Set<string>>(Object.keys(servers).map((name) => [name, new Set()]));
    let checks = 0;
    for (let hour = 0; hour < days * 24; hour += 1) {
      for (const [name, from] of Object.entries(servers)) {
        const [chain, token] = [await from.x509Svid(`/at/${name}`), await from.jwtSvid(`/at/${name}`)];
        issuers.get(name)?.add(chain[0]?.authorityKeyId ?? "");
        for (const at of Object.values(servers)) {
          const bundles = { get: () => at.bundle };
          const x509 = verifyX509Svid({ chain, bundles, atMs: clock.now(), usage: "any" });
          const jwt = verifyJwtSvid({ token, audience: "all", bundles, atMs: clock.now() });
          assert.equal(x509.id.path, `/at/${name}`);
          assert.equal(jwt.id.path, `/at/${name}`);
          checks += 2;
        }
      }
      if (compromised.some((day) => hour === day * 24)) await compromise(servers, clock);
      await clock.advance(hourMs);
    }
    assert.equal(checks, days * 24 * 18);
    for (const [name, seen] of issuers) assert.ok(seen.size >= 30, `${name} had ${seen.size} issuers`);
    for (const [name, { bundle }] of Object.entries(servers)) {
      assert.ok(bundle.x509Authorities.length <= 4, `${name} trusts ${bundle.x509Authorities.length} CAs`);
      assert.ok(bundle.jwtAuthorities.length <= 12, `${name} trusts ${bundle.jwtAuthorities.length} JWT keys`);
    }
  });
});

/** The operator replaces the root's CA; within a minute nothing that is issued anywhere rests on the old one. */
async function compromise(servers: Readonly<Record<string, NestedServer>>, clock: FakeClock): Promise<void> {
  const { operations } = servers["root"]?.core.authorities ?? assert.fail("there is no root");
  const bad = operations.states("x509").active.id;
  const prepared = await operations.prepare("x509");
  await clock.advance(10_000);
  await operations.activate("x509", prepared.id);
  await operations.taint("x509", bad);
  await clock.advance(60_000);
  for (const [name, server] of Object.entries(servers)) {
    const chain = await server.x509Svid(`/at/${name}`);
    const bundles = { get: () => server.bundle };
    const { path } = verifyX509Svid({ chain, bundles, atMs: clock.now(), usage: "any" });
    assert.notEqual(path.at(-1)?.subjectKeyId, bad, `${name} still issues under the tainted root`);
  }
  await operations.revoke("x509", bad);
  await clock.advance(60_000);
  for (const [name, { bundle }] of Object.entries(servers)) {
    const trusted = bundle.x509Authorities.map(({ certificate }) => certificate.subjectKeyId);
    assert.equal(trusted.includes(bad), false, `${name} still trusts the revoked root`);
  }
}
