import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { buildCsr, encodeSpki, generateKey } from "../../../certs/index.ts";
import { svidService } from "../../../proto/services.ts";
import { systemClock } from "../../../runtime/core/index.ts";
import { JwtAuthority } from "../../../spiffe/index.ts";
import { TestServer } from "../../../test/fakes/test-server.ts";
import { MemoryKeyManager } from "../../keymanager/memory/memory-key-manager.ts";
import { SpireUpstream, type WorkloadSvid } from "./spire.ts";

describe("SpireUpstream, below a server of ours", () => {
  let above: TestServer;
  before(async () => {
    above = await TestServer.start();
    await above.createEntry(await above.agent(), "/below", { downstream: true });
  });
  after(() => above[Symbol.asyncDispose]());

  async function svid(path: string): Promise<WorkloadSvid> {
    const key = await generateKey("ec-p256");
    const id = `spiffe://example.org${path}`;
    const csr = Buffer.from(buildCsr({ key, uriSans: [id] }));
    const answer = await above.admin.unary(svidService.MintX509SVID, { csr, ttl: 600 });
    return { id, chain: answer.svid?.cert_chain ?? [], key };
  }

  /** Tell of a new SVID, once each. */
  const renewed: (() => void)[] = [];

  /** A process with these identities; hears which are shown, and of every handshake. */
  function upstreamOf(
    svids: readonly [WorkloadSvid, ...WorkloadSvid[]],
    shown: string[],
    onHandshake: () => void = () => {},
  ): SpireUpstream {
    const { core, tcp } = above.server;
    return new SpireUpstream({
      trustDomain: above.config.trustDomain,
      address: tcp,
      clock: systemClock,
      openIdentity: async () => ({
        ids: svids.map(({ id }) => id),
        current: (wanted) => {
          const current = svids.find(({ id }) => id === wanted) ?? svids[0];
          if (shown.at(-1) !== current.id) shown.push(current.id);
          return current;
        },
        bundle: () => {
          onHandshake();
          return core.authorities.bundle;
        },
        onChange: (listener) => {
          renewed.push(listener);
          return () => {};
        },
        [Symbol.asyncDispose]: async () => {},
      }),
    });
  }

  async function jwtKey(keyId: string): Promise<JwtAuthority> {
    const spkiDer = encodeSpki(await generateKey("ec-p256"));
    return JwtAuthority.of({ keyId, spkiDer, expiresAt: Math.floor(systemClock.now() / 1000) + 600 });
  }

  it("shows the identity that is known as downstream, wherever it stands", async () => {
    const shown: string[] = [];
    await using upstream = upstreamOf([await svid("/web"), await svid("/below"), await svid("/other")], shown);
    await upstream.publishJwtKey(await jwtKey("k1"));
    assert.deepEqual(shown, ["spiffe://example.org/web", "spiffe://example.org/below"]);
    await upstream.publishJwtKey(await jwtKey("k2"));
    assert.equal(shown.length, 2);
  });

  it("has its CA also when a new SVID comes in the middle", async () => {
    renewed.length = 0;
    await using upstream = upstreamOf([await svid("/below")], [], () => renewed.shift()?.());
    const keys = new MemoryKeyManager();
    await keys.generateKey("ca", "ec-p256");
    const { trustDomain } = above.config;
    const signer = await keys.signer("ca");
    const { chain, anchors } = await upstream.mintX509Ca({ trustDomain, signer, subject: {}, ttl: 600 });
    assert.deepEqual([chain.length, anchors.length, renewed.length], [1, 1, 0]);
  });

  it("says as whom it asked when none is", async () => {
    await using upstream = upstreamOf([await svid("/web"), await svid("/other")], []);
    await assert.rejects(upstream.publishJwtKey(await jwtKey("k3")), {
      code: "ERR_UPSTREAM_UNAVAILABLE",
      message: /as spiffe:\/\/example\.org\/web, spiffe:\/\/example\.org\/other: authorization denied/,
    });
  });
});
