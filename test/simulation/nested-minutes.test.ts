import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { verifyX509Svid } from "../../spiffe/index.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { NestedServer, nestedConfig } from "./nested-server.ts";

const svidTtl = 15;
const config = nestedConfig({ agent: svidTtl, x509Svid: svidTtl, jwtSvid: svidTtl, ca: 90 });

describe("three servers under one another, CAs of 90 s and SVIDs of 15 s", () => {
  it("give every SVID nearly the life it is to have, through the turns of the CAs above", async () => {
    const clock = new FakeClock();
    await using root = await NestedServer.start("root", undefined, config, clock, 1);
    await using middle = await NestedServer.start("middle", root, config, clock, 2);
    await using leaf = await NestedServer.start("leaf", middle, config, clock, 3);
    const servers = Object.entries({ root, middle, leaf });
    const issuers = new Map<string, Set<string>>(servers.map(([name]) => [name, new Set()]));
    for (let second = 0; second < 300; second += 2) {
      for (const [name, from] of servers) {
        const chain = await from.x509Svid(`/at/${name}`);
        const [svid] = chain;
        issuers.get(name)?.add(svid?.authorityKeyId ?? "");
        const life = ((svid?.notAfter ?? 0) - clock.now()) / 1_000;
        assert.ok(life >= svidTtl - 4, `after ${second} s ${name} gives ${life} s`);
        for (const [, at] of servers) {
          verifyX509Svid({ chain, bundles: { get: () => at.bundle }, atMs: clock.now(), usage: "any" });
        }
      }
      await clock.advance(2_000);
    }
    for (const [name, seen] of issuers)
      assert.ok(seen.size >= 6 && seen.size <= 12, `${name} had ${seen.size} issuers`);
  });
});
