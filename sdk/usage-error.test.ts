import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { callUntyped } from "../test/fakes/call-untyped.ts";

import {
  BundleSource,
  bearerHandler,
  bearerMiddleware,
  callerOf,
  connectHttp2,
  connectTls,
  createHttpsAgent,
  createHttpsServer,
  createTlsServer,
  id,
  JwtSource,
  memberOf,
  oneOf,
  pathPrefix,
  peerOf,
  pgOptions,
  predicate,
  type SpiffeErrorCode,
  SpiffeId,
  tlsOptions,
  type UsageErrorCode,
  WorkloadApiClient,
  withJwtSvid,
  X509Source,
} from "./index.ts";
import { TestIssuer, TestWorkloadApi } from "./testing/index.ts";

async function refuses(
  code: UsageErrorCode | SpiffeErrorCode,
  message: RegExp,
  fix: RegExp,
  act: () => unknown,
): Promise<void> {
  await assert.rejects(async () => await act(), { code, message, fix });
}

const db = "spiffe://one.test/db";
const authorize = id(db);
const nobody = /^.+$/;

describe("a mistake in the use of the SDK", () => {
  it("is told of authorisers where they are made", async () => {
    for (const none of [undefined, null, 5, true]) {
      await refuses("ERR_ARGUMENT_INVALID", /^id takes a SPIFFE ID, not/, /SpiffeId/, () => callUntyped(id, none));
      await refuses("ERR_ARGUMENT_INVALID", /^oneOf takes a SPIFFE ID/, /SpiffeId/, () => callUntyped(oneOf, db, none));
      await refuses("ERR_ARGUMENT_INVALID", /^memberOf takes a trust domain/, /example\.org/, () =>
        callUntyped(memberOf, none),
      );
      await refuses("ERR_ARGUMENT_INVALID", /^what predicate takes is a function/, nobody, () =>
        callUntyped(predicate, none),
      );
    }
    for (const text of ["spiffe://one.test/x", "spiffe://one.test"]) {
      const message = /^memberOf takes a trust domain, not a SPIFFE ID$/;
      await refuses("ERR_ARGUMENT_INVALID", message, /"example\.org".*id\(.*pathPrefix\(/, () => memberOf(text));
    }
    await refuses("ERR_SPIFFE_ID_SCHEME", nobody, /spiffe:\/\//, () => id("db"));
    await refuses("ERR_ARGUMENT_INVALID", /has none$/, /memberOf\("one\.test"\)/, () =>
      pathPrefix("spiffe://one.test"),
    );
  });

  it("is no mistake where the text can be had: an ID of another copy of the package, a URL", () => {
    const peer = SpiffeId.parse(db);
    for (const given of [{ toString: () => db }, new URL(db)]) {
      const made = callUntyped(id, given);
      assert.deepEqual(callUntyped(made, peer), { allow: true });
    }
  });

  it("is told of options by name and by kind", async () => {
    const opening = [X509Source, JwtSource, BundleSource].map((kind) => kind.open.bind(kind));
    for (const open of opening) {
      await refuses("ERR_OPTION_UNKNOWN", /no option `endpont`/, nobody, () =>
        callUntyped(open, { endpont: "unix:///x" }),
      );
      await refuses("ERR_ARGUMENT_INVALID", /`timeoutMs`/, nobody, () => callUntyped(open, { timeoutMs: "30" }));
      await refuses("ERR_ARGUMENT_INVALID", /`endpoint` is text/, nobody, () => callUntyped(open, { endpoint: 8080 }));
      await refuses("ERR_ARGUMENT_INVALID", /`observer`/, nobody, () => callUntyped(open, { observer: console }));
    }
    const create = WorkloadApiClient.create.bind(WorkloadApiClient);
    await refuses("ERR_OPTION_UNKNOWN", /no option `socket`/, nobody, () =>
      callUntyped(create, { socket: "unix:///x" }),
    );
    const pick = { pick: "/web" };
    await refuses("ERR_ARGUMENT_INVALID", /`pick`/, nobody, () => callUntyped(opening[0], pick));
    await refuses("ERR_ARGUMENT_INVALID", /`kinds`/, /"x509"/, () => callUntyped(opening[2], { kinds: ["x.509"] }));
    await refuses("ERR_ARGUMENT_INVALID", /`audiences`/, /\["db"\]/, () =>
      callUntyped(opening[1], { audiences: "db" }),
    );
    await refuses("ERR_AUDIENCE_MISSING", nobody, /"db"/, () => callUntyped(opening[1], { audiences: [""] }));
  });

  it("is told of what is given first, and of what was left out", async () => {
    await using api = await TestWorkloadApi.start({ issuer: TestIssuer.create("one.test"), svids: ["/db"] });
    await using source = await X509Source.open({ endpoint: api.endpoint });
    await using tokens = await JwtSource.open({ endpoint: api.endpoint });
    await using bundles = await BundleSource.open({ endpoint: api.endpoint });
    for (const wrong of [undefined, { authorize }, tokens, bundles]) {
      for (const factory of [createHttpsServer, createHttpsAgent, pgOptions, tlsOptions, connectTls]) {
        await refuses("ERR_ARGUMENT_INVALID", /an X509Source, first/, /open/, () =>
          callUntyped(factory, wrong, { authorize }),
        );
      }
      const middleware = (): unknown =>
        callUntyped(bearerMiddleware, wrong === bundles ? source : wrong, { authorize });
      await refuses("ERR_ARGUMENT_INVALID", /a BundleSource, first/, /open/, middleware);
      const wrapped = (): unknown =>
        callUntyped(withJwtSvid, wrong === tokens ? source : wrong, { audience: "db" }, fetch);
      await refuses("ERR_ARGUMENT_INVALID", /a JwtSource, first/, /open/, wrapped);
    }
    for (const none of [undefined, {}, { authorize: db }]) {
      await refuses("ERR_AUTHORIZE_MISSING", /^connectTls needs/, /id\(/, () => callUntyped(connectTls, source, none));
      await refuses("ERR_AUTHORIZE_MISSING", /^fetch needs/, /id\(/, () =>
        callUntyped(source.fetch.bind(source), "https://a", none),
      );
    }
    const dispatched = { authorize, dispatcher: {} };
    await refuses("ERR_OPTION_UNKNOWN", /`dispatcher`/, nobody, () =>
      callUntyped(source.fetch.bind(source), "https://a", dispatched),
    );
    await refuses("ERR_OPTION_UNKNOWN", /`ca`/, nobody, () =>
      callUntyped(createHttpsAgent, source, { authorize, ca: "" }),
    );
    await refuses("ERR_ARGUMENT_INVALID", /https URL/, nobody, () => connectHttp2(source, "http://a", { authorize }));
    await refuses("ERR_AUDIENCE_MISSING", nobody, /"db"/, () => callUntyped(withJwtSvid, tokens, {}, fetch));
    const third = /^the third argument of \w+ is a function, not undefined$/;
    const bearer = { authorize, audience: "db" };
    for (const [factory, first, second] of [
      [createTlsServer, source, { authorize }],
      [bearerHandler, bundles, bearer],
      [withJwtSvid, tokens, { audience: "db" }],
    ]) {
      await refuses("ERR_ARGUMENT_INVALID", third, nobody, () => callUntyped(factory, first, second));
    }
    await refuses("ERR_AUDIENCE_MISSING", nobody, /"db"/, () => callUntyped(bearerMiddleware, bundles, { authorize }));
    await refuses("ERR_OPTION_UNKNOWN", /`leeway`/, nobody, () =>
      callUntyped(bundles.validateJwtSvid.bind(bundles), "", { audience: "db", leeway: 60 }),
    );
    for (const none of [undefined, null, 5, {}, "x"]) {
      await refuses("ERR_PEER_UNKNOWN", nobody, /came through/, () => callUntyped(peerOf, none));
      await refuses("ERR_PEER_UNKNOWN", nobody, /bearer/, () => callUntyped(callerOf, none));
    }
  });
});
