import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type ChannelCredentials, credentials, Metadata, Server, ServerCredentials, status } from "@grpc/grpc-js";
import { FakeWorkloadApi } from "../../test/fakes/fake-workload-api.ts";
import { addEcho, EchoClient } from "../../test/fakes/grpc-echo.ts";
import { TestAuthority } from "../../test/fakes/test-authority.ts";
import { TestCa } from "../../test/fakes/test-ca.ts";
import { WorkloadSide } from "../../test/fakes/workload-side.ts";
import { BundleSource, callerOf, id, JwtSource, SpiffeId, TrustDomain } from "../index.ts";
import { createGrpcServer, grpcBearerInterceptor, grpcChannelCredentials, grpcJwtCredentials } from "./index.ts";

const now = Math.floor(Date.now() / 1000);
const lifetime = { notBeforeMs: Date.now() - 10_000, notAfterMs: Date.now() + 3_600_000 };
const authority = new TestAuthority(TrustDomain.parse("one.test"), lifetime);
const user = SpiffeId.parse("spiffe://one.test/user");
const other = SpiffeId.parse("spiffe://one.test/other");
const isWeb = { authorize: id("spiffe://one.test/web") };
const isDb = { authorize: id("spiffe://one.test/db") };

describe("grpcJwtCredentials() and grpcBearerInterceptor()", () => {
  let api: FakeWorkloadApi;
  let bundles: BundleSource;
  let db: WorkloadSide;
  let web: WorkloadSide;
  let server: Server;
  let port = 0;
  let served = 0;
  const refusals: string[] = [];
  before(async () => {
    const ca = await TestCa.create("one.test");
    db = await WorkloadSide.start(ca, "/db");
    web = await WorkloadSide.start(ca, "/web");
    api = await FakeWorkloadApi.start();
    api.updateBundles([authority.bundle()]);
    bundles = await BundleSource.open({ endpoint: api.endpoint, kinds: ["jwt"] });
    const onRefused = ({ error }: { readonly error: { readonly code: string } }) => void refusals.push(error.code);
    const bearer = grpcBearerInterceptor(bundles, { audience: "db", authorize: id(user), onRefused });
    const made = createGrpcServer(db.source, { ...isWeb, grpc: { interceptors: [bearer] } });
    addEcho(made, (call) => {
      served += 1;
      return callerOf(call).id.toString();
    });
    port = (await made.listen(0, "127.0.0.1")).port;
    server = made;
  });
  after(async () => {
    server.forceShutdown();
    await bundles.close();
    for (const one of [api, db, web]) await one[Symbol.asyncDispose]();
  });

  async function tokens(subject = user): Promise<JwtSource> {
    api.mint = (audience) => {
      const token = authority.jwtSvid(subject, audience, now, now + 60);
      return [{ id: subject, token, hint: "", audience, claims: {} }];
    };
    return JwtSource.open({ endpoint: api.endpoint });
  }

  function withTokens(source: JwtSource, audience = "db"): ChannelCredentials {
    return grpcJwtCredentials(grpcChannelCredentials(web.source, isDb), source, { audience });
  }

  it("put a token on each call of each kind, and tell the handler whose it is", async () => {
    await using source = await tokens();
    const client = new EchoClient(port, withTokens(source));
    assert.equal(await client.unary("a"), `${user} a`);
    assert.equal(await client.collect(["a", "b"]), `${user} a,b`);
    for await (const text of client.split("a")) assert.equal(text, `${user} a`);
    const duplex = client.duplex();
    duplex.end("a");
    for await (const text of duplex) assert.equal(text, `${user} a`);
    client.close();
  });

  it("end a call without a token, for another audience, or of another caller, before the handler", async () => {
    await using good = await tokens();
    await good.svid({ audience: "web" });
    await using wrong = await tokens(other);
    await wrong.svid({ audience: "db" });
    const soFar = served;
    for (const [channel, code, details] of [
      [grpcChannelCredentials(web.source, isDb), status.UNAUTHENTICATED, "ERR_BEARER_MISSING"],
      [withTokens(good, "web"), status.UNAUTHENTICATED, "ERR_JWT_SVID_WRONG_AUDIENCE"],
      [withTokens(wrong), status.PERMISSION_DENIED, "ERR_PEER_UNAUTHORIZED"],
    ] as const) {
      const client = new EchoClient(port, channel);
      await assert.rejects(client.unary("a"), { code, details });
      await assert.rejects(client.collect(["a", "b"]), { code, details });
      assert.equal(refusals.at(-1), details);
      client.close();
    }
    assert.equal(served, soFar);
  });

  it("send no token over a channel without TLS", async () => {
    await using source = await tokens();
    const plain = credentials.createInsecure();
    assert.throws(() => grpcJwtCredentials(plain, source, { audience: "db" }), /insecure/);
    // @ts-expect-error JavaScript callers can forget it.
    assert.throws(() => grpcJwtCredentials(grpcChannelCredentials(web.source, isDb), source, {}), TypeError);
  });

  it("fail with the code while there is no token, and recover", async () => {
    await using source = await tokens();
    const client = new EchoClient(port, withTokens(source));
    const mint = api.mint;
    api.mint = () => [];
    await assert.rejects(client.unary("a"), {
      code: status.UNAVAILABLE,
      details: /ERR_WORKLOAD_API_DENIED: no identity issued/,
    });
    api.mint = mint;
    assert.equal(await client.unary("a"), `${user} a`);
    client.close();
  });

  it("have no caller for a call that was not verified", async () => {
    const plain = new Server();
    const told: unknown[] = [];
    addEcho(plain, (call) => {
      try {
        return callerOf(call).id.toString();
      } catch (error) {
        told.push(error);
        return "nobody";
      }
    });
    const plainPort = await new Promise<number>((resolve, reject) =>
      plain.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    const client = new EchoClient(plainPort, credentials.createInsecure());
    assert.equal(await client.unary("a"), "nobody a");
    assert.ok(told[0] instanceof TypeError);
    assert.throws(() => callerOf({ metadata: new Metadata() }), TypeError);
    client.close();
    plain.forceShutdown();
  });
});
