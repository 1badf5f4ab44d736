import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import type { Server } from "node:net";
import { after, before, describe, it } from "node:test";
import express from "express";
import fastify from "fastify";
import { FakeWorkloadApi } from "../../test/fakes/fake-workload-api.ts";
import { TestAuthority } from "../../test/fakes/test-authority.ts";
import { portOf } from "../../test/fakes/workload-side.ts";
import {
  type BearerRefusal,
  BundleSource,
  bearerHandler,
  bearerHook,
  bearerMiddleware,
  callerOf,
  id,
  JwtSource,
  predicate,
  SpiffeId,
  TrustDomain,
  withJwtSvid,
} from "../index.ts";

const now = Math.floor(Date.now() / 1000);
const lifetime = { notBeforeMs: Date.now() - 10_000, notAfterMs: Date.now() + 3_600_000 };
const one = new TestAuthority(TrustDomain.parse("one.test"), lifetime);
const two = new TestAuthority(TrustDomain.parse("two.test"), lifetime);
const web = SpiffeId.parse("spiffe://one.test/web");
const other = SpiffeId.parse("spiffe://one.test/other");
const refusals: BearerRefusal[] = [];
const options = {
  audience: "db",
  authorize: id(web),
  onRefused: (refusal: BearerRefusal) => void refusals.push(refusal),
};

/** The status of a request with two Authorization headers, which `fetch` cannot send. */
async function statusOfTwo(url: string, values: readonly [string, string]): Promise<number | undefined> {
  const headers = [
    "Host",
    "x",
    ...values.flatMap((value, at) => [at === 0 ? "authorization" : "Authorization", value]),
  ];
  const [response] = await once(request(url, { headers }).end(), "response");
  response.resume();
  return response.statusCode;
}

describe("bearer tokens", () => {
  let api: FakeWorkloadApi;
  let bundles: BundleSource;
  before(async () => {
    api = await FakeWorkloadApi.start();
    api.updateBundles([one.bundle(), two.bundle()]);
    api.mint = (audience) => [
      { id: web, token: one.jwtSvid(web, audience, now, now + 60), hint: "", audience, claims: {} },
    ];
    bundles = await BundleSource.open({ endpoint: api.endpoint, kinds: ["jwt"] });
  });
  after(async () => {
    await bundles.close();
    await api[Symbol.asyncDispose]();
  });

  const servers: readonly (readonly [string, (served: () => void) => Promise<Server>])[] = [
    [
      "bearerHandler",
      async (served) =>
        createServer(
          bearerHandler(bundles, options, (message, response) => {
            served();
            response.end(`hello ${callerOf(message).id}`);
          }),
        ),
    ],
    [
      "bearerMiddleware",
      async (served) => {
        const app = express();
        app.use(bearerMiddleware(bundles, options));
        app.get("/", (message, response) => {
          served();
          response.send(`hello ${callerOf(message).id}`);
        });
        return createServer(app);
      },
    ],
    [
      "bearerHook",
      async (served) => {
        const app = fastify();
        app.addHook("onRequest", bearerHook(bundles, options));
        app.get("/", async (message) => {
          served();
          return `hello ${callerOf(message).id}`;
        });
        await app.listen({ port: 0, host: "127.0.0.1" });
        return app.server;
      },
    ],
  ];

  for (const [name, start] of servers) {
    it(`are verified by ${name}: the right caller is served, nobody else`, async () => {
      let served = 0;
      const server = await start(() => {
        served += 1;
      });
      const url = `http://127.0.0.1:${await portOf(server)}/`;
      const good = one.jwtSvid(web, ["db"], now, now + 60);
      const cases: readonly (readonly [string | undefined, number, string])[] = [
        [undefined, 401, "ERR_BEARER_MISSING"],
        ["Basic eDp5", 401, "ERR_BEARER_MISSING"],
        [`Bearer ${good} x`, 401, "ERR_BEARER_MISSING"],
        ["Bearer a.b.c", 401, "ERR_JWT_SVID_FORMAT"],
        [`Bearer ${one.jwtSvid(web, ["DB"], now, now + 60)}`, 401, "ERR_JWT_SVID_WRONG_AUDIENCE"],
        [`Bearer ${one.jwtSvid(web, ["db"], now - 120, now - 60)}`, 401, "ERR_JWT_SVID_EXPIRED"],
        [`Bearer ${two.jwtSvid(web, ["db"], now, now + 60)}`, 401, "ERR_JWT_SVID_KEY_UNKNOWN"],
        [`Bearer ${one.jwtSvid(other, ["db"], now, now + 60)}`, 403, "ERR_PEER_UNAUTHORIZED"],
      ];
      for (const [authorization, status, code] of cases) {
        refusals.length = 0;
        const response = await fetch(url, authorization === undefined ? {} : { headers: { authorization } });
        assert.equal(response.status, status, code);
        assert.deepEqual(await response.json(), { code });
        const challenge = response.headers.get("www-authenticate");
        assert.ok(code === "ERR_BEARER_MISSING" ? challenge === "Bearer" : challenge?.includes(code), `${challenge}`);
        assert.deepEqual(
          refusals.map(({ error }) => error.code),
          [code],
        );
      }
      const inQuery = await fetch(`${url}?access_token=${good}`);
      assert.equal(inQuery.status, 401);
      for (const second of ["Basic eDp5", `Bearer ${good}`])
        assert.equal(await statusOfTwo(url, [`Bearer ${good}`, second]), 401);
      assert.equal(served, 0);
      const response = await fetch(url, { headers: { authorization: `bearer ${good}` } });
      assert.equal(await response.text(), "hello spiffe://one.test/web");
      assert.equal(served, 1);
      server.close();
    });
  }

  it("are added by withJwtSvid, fresh and for the audience, and never sent in the clear", async () => {
    const server = createServer(
      bearerHandler(bundles, options, (message, response) => void response.end(message.headers["x-own"])),
    );
    const url = `http://127.0.0.1:${await portOf(server)}/`;
    await using tokens = await JwtSource.open({ endpoint: api.endpoint });
    const call = withJwtSvid(tokens, { audience: "db" }, fetch);
    const response = await call(url, { headers: { "x-own": "kept" } });
    assert.equal(await response.text(), "kept");
    assert.equal((await withJwtSvid(tokens, { audience: "elsewhere" }, fetch)(url)).status, 401);
    let sent = 0;
    const counting = withJwtSvid(tokens, { audience: "db" }, async () => {
      sent += 1;
    });
    for (const plain of ["http://db.example/", "http://127.0.0.1.example/", "http://localhost.example/", "ftp://x/"])
      await assert.rejects(counting(plain), { code: "ERR_PLAIN_HTTP" });
    await assert.rejects(counting(url, { headers: { Authorization: "Basic eDp5" } }), TypeError);
    assert.equal(sent, 0);
    await counting("https://db.example/");
    assert.equal(sent, 1);
    server.close();
    await once(server, "close");
  });

  it("are not taken without an audience and an authoriser, nor when the authoriser fails or the source is closed", async () => {
    // @ts-expect-error JavaScript callers can forget it.
    assert.throws(() => bearerMiddleware(bundles, { audience: "db" }), TypeError);
    // @ts-expect-error JavaScript callers can forget it.
    assert.throws(() => bearerHook(bundles, { authorize: id(web) }), TypeError);
    assert.throws(() => bearerHandler(bundles, { audience: [], authorize: id(web) }, () => {}), TypeError);
    const refused = { name: "TypeError", code: "ERR_ARGUMENT_INVALID" };
    for (const leewaySeconds of [-1, 121, Number.NaN, JSON.parse('"5"')]) {
      const wrong = { ...options, leewaySeconds };
      assert.throws(() => bearerHandler(bundles, wrong, () => {}), refused);
      assert.throws(() => bearerMiddleware(bundles, wrong), refused);
      assert.throws(() => bearerHook(bundles, wrong), refused);
    }
    for (const leewaySeconds of [0, 120]) bearerHook(bundles, { ...options, leewaySeconds });
    const closed = await BundleSource.open({ endpoint: api.endpoint, kinds: ["jwt"] });
    const failing = predicate(() => {
      throw new Error("broken rule");
    });
    const authorization = `Bearer ${one.jwtSvid(web, ["db"], now, now + 60)}`;
    const answer = { statusCode: 0, setHeader: () => {}, end: () => {} };
    const request = { headers: { authorization } };
    const never = (): void => assert.fail("served");
    bearerMiddleware(closed, { audience: "db", authorize: failing })(request, answer, never);
    assert.equal(answer.statusCode, 403);
    await closed.close();
    bearerMiddleware(closed, { audience: "db", authorize: id(web) })(request, answer, never);
    assert.equal(answer.statusCode, 503);
    assert.throws(() => callerOf(request), TypeError);
  });
});
