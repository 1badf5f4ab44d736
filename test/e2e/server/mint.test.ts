import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { buildCsr, Certificate, generateKey } from "../../../certs/index.ts";
import { svidService } from "../../../proto/services.ts";
import { verifyJwtSvid, verifyX509Svid } from "../../../spiffe/index.ts";
import { TestServer } from "../../fakes/test-server.ts";

const key = await generateKey("ec-p256");

describe("minting", () => {
  let world: TestServer;
  before(async () => {
    world = await TestServer.start();
  });
  after(() => world[Symbol.asyncDispose]());

  const bundles = () => ({ get: () => world.server.core.authorities.bundle });
  const mint = (parts: Omit<Parameters<typeof buildCsr>[0], "key">, ttl = 0) =>
    world.admin.unary(svidService.MintX509SVID, { csr: Buffer.from(buildCsr({ key, ...parts })), ttl });

  it("gives an X.509-SVID with the names and the subject of the request", async () => {
    const subject = { organization: "Mine", commonName: "db" };
    const { svid } = await mint({ uriSans: ["spiffe://example.org/db"], dnsSans: ["db.example.org"], subject }, 600);
    const chain = (svid?.cert_chain ?? []).map((der) => Certificate.parse(der));
    const { id } = verifyX509Svid({ chain, bundles: bundles(), atMs: Date.now(), usage: "server" });
    const [leaf] = chain;
    assert.equal(id.toString(), "spiffe://example.org/db");
    assert.deepEqual(leaf?.dnsSans, ["db.example.org"]);
    assert.equal(leaf?.subjectText(), "CN=db,O=Mine");
    assert.equal(Number(svid?.expires_at) * 1000, leaf?.notAfter);
    assert.ok(Math.abs((leaf?.notAfter ?? 0) - Date.now() - 600_000) < 5_000);
    const plain = await mint({ uriSans: ["spiffe://example.org/db"], subject: {} });
    assert.equal(Certificate.parse(plain.svid?.cert_chain[0] ?? Buffer.alloc(0)).subjectText(), "O=SPIRE,C=US");
  });

  const refused: readonly [string, Omit<Parameters<typeof buildCsr>[0], "key">][] = [
    ["no URI name", {}],
    ["two URI names", { uriSans: ["spiffe://example.org/a", "spiffe://example.org/b"] }],
    ["no SPIFFE ID", { uriSans: ["https://example.org/a"] }],
    ["another trust domain", { uriSans: ["spiffe://other.org/a"] }],
    ["the trust domain itself", { uriSans: ["spiffe://example.org"] }],
    ["a server's id", { uriSans: ["spiffe://example.org/spire/server"] }],
    ["an agent's id", { uriSans: ["spiffe://example.org/spire/agent/join_token/x"] }],
    ["an illegal DNS name", { uriSans: ["spiffe://example.org/a"], dnsSans: ["a.1"] }],
    ["a wildcard that covers another name", { uriSans: ["spiffe://example.org/a"], dnsSans: ["*.a.org", "b.a.org"] }],
  ];
  for (const [name, parts] of refused) {
    it(`refuses ${name}`, () => assert.rejects(mint(parts), { code: "ERR_MINT_REFUSED", status: "invalidArgument" }));
  }

  it("refuses a request that is missing, malformed, signed by another key, or for a negative life", async () => {
    const parts = { uriSans: ["spiffe://example.org/a"] };
    const forged = Buffer.from(buildCsr({ key, ...parts }));
    forged.writeUInt8(forged.readUInt8(forged.length - 1) ^ 1, forged.length - 1);
    const send = (csr: Buffer, ttl = 0) => world.admin.unary(svidService.MintX509SVID, { csr, ttl });
    await assert.rejects(send(Buffer.alloc(0)), { code: "ERR_MALFORMED_REQUEST" });
    await assert.rejects(send(Buffer.from("no")), { code: "ERR_CSR_MALFORMED", status: "invalidArgument" });
    await assert.rejects(send(forged), { code: "ERR_CSR_SIGNATURE", status: "invalidArgument" });
    await assert.rejects(mint(parts, -1), { code: "ERR_MALFORMED_REQUEST" });
  });

  it("gives no SVID a longer life than its authority has", async () => {
    const { svid } = await mint({ uriSans: ["spiffe://example.org/a"] }, 10 * 365 * 86_400);
    assert.equal(Number(svid?.expires_at), world.server.core.authorities.x509Issuer().notAfter);
  });

  it("gives a JWT-SVID, and refuses ids and audiences it must", async () => {
    const id = { trust_domain: "example.org", path: "/db" };
    const send = (request: object) => world.admin.unary(svidService.MintJWTSVID, { id, audience: ["a"], ...request });
    const { svid } = await send({ ttl: 60 });
    const verified = verifyJwtSvid({
      token: svid?.token ?? "",
      audience: "a",
      bundles: bundles(),
      atMs: Date.now(),
    });
    assert.equal(verified.id.toString(), "spiffe://example.org/db");
    assert.equal(Number(svid?.expires_at) - Number(svid?.issued_at), 60);
    await assert.rejects(send({ audience: [] }), { code: "ERR_SVID_AUDIENCE", status: "invalidArgument" });
    await assert.rejects(send({ ttl: -1 }), { code: "ERR_MALFORMED_REQUEST" });
    for (const path of ["", "/spire/server", "/spire/agent/x"]) {
      await assert.rejects(send({ id: { ...id, path } }), { code: "ERR_MINT_REFUSED", status: "invalidArgument" });
    }
    await assert.rejects(send({ id: null }), { status: "invalidArgument" });
  });
});
