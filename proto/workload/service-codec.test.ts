import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { workloadApiService } from "../services.ts";
import {
  decodeJwtBundlesResponse,
  decodeJwtSvidResponse,
  decodeValidateJwtSvidResponse,
  decodeX509BundlesResponse,
  decodeX509SvidResponse,
  encodeJwtSvidRequest,
  encodeValidateJwtSvidRequest,
} from "./codec.ts";
import {
  decodeJwtSvidRequest,
  decodeValidateJwtSvidRequest,
  encodeJwtBundlesResponse,
  encodeJwtSvidResponse,
  encodeValidateJwtSvidResponse,
  encodeX509BundlesResponse,
  encodeX509SvidResponse,
} from "./service-codec.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);

// The generated codec is the judge of both hand-written halves.
describe("the static codec", () => {
  it("writes X.509 answers that both read", () => {
    const svid = {
      spiffeId: "spiffe://a.test/web",
      x509Svid: bytes("chain"),
      x509SvidKey: bytes("key"),
      bundle: bytes("roots"),
      hint: "internal",
    };
    const encoded = encodeX509SvidResponse({
      svids: [svid, { ...svid, hint: "" }],
      crl: [bytes("crl")],
      federatedBundles: new Map([["spiffe://b.test", bytes("b")]]),
    });
    const judged = workloadApiService.FetchX509SVID.responseDeserialize(Buffer.from(encoded));
    assert.deepEqual(
      judged.svids.map(({ spiffe_id, x509_svid, x509_svid_key, bundle, hint }) => [
        spiffe_id,
        ...[x509_svid, x509_svid_key, bundle].map(String),
        hint,
      ]),
      [
        ["spiffe://a.test/web", "chain", "key", "roots", "internal"],
        ["spiffe://a.test/web", "chain", "key", "roots", ""],
      ],
    );
    assert.equal(String(judged.federated_bundles["spiffe://b.test"]), "b");
    assert.deepEqual(judged.crl.map(String), ["crl"]);
    const read = decodeX509SvidResponse(encoded);
    assert.deepEqual(
      read.svids.map(({ hint }) => hint),
      ["internal", ""],
    );

    const bundles = new Map([
      ["spiffe://a.test", bytes("a")],
      ["spiffe://b.test", bytes("")],
    ]);
    const both = encodeX509BundlesResponse({ crl: [bytes("crl")], bundles });
    const { bundles: judgedBundles } = workloadApiService.FetchX509Bundles.responseDeserialize(Buffer.from(both));
    assert.deepEqual(Object.keys(judgedBundles), ["spiffe://a.test", "spiffe://b.test"]);
    assert.deepEqual([...decodeX509BundlesResponse(both).bundles.keys()], [...bundles.keys()]);
  });

  it("writes JWT answers and reads JWT requests as the generated one does", () => {
    const svids = [
      { spiffeId: "spiffe://a.test/web", svid: "x.y.z", hint: "h" },
      { spiffeId: "spiffe://a.test/db", svid: "x.y.z", hint: "" },
    ];
    const tokens = encodeJwtSvidResponse(svids);
    assert.deepEqual(decodeJwtSvidResponse(tokens), svids);
    assert.deepEqual(
      workloadApiService.FetchJWTSVID.responseDeserialize(Buffer.from(tokens)).svids.map(({ spiffe_id }) => spiffe_id),
      ["spiffe://a.test/web", "spiffe://a.test/db"],
    );
    const bundles = encodeJwtBundlesResponse(new Map([["spiffe://a.test", bytes('{"keys":[]}')]]));
    assert.deepEqual([...decodeJwtBundlesResponse(bundles).keys()], ["spiffe://a.test"]);
    const judged = workloadApiService.FetchJWTBundles.responseDeserialize(Buffer.from(bundles));
    assert.equal(String(judged.bundles["spiffe://a.test"]), '{"keys":[]}');

    const claims = { sub: "s", aud: ["a", "b"], exp: 12.5, yes: true, nothing: null, deep: { list: [{ x: 1 }] } };
    const valid = encodeValidateJwtSvidResponse({ spiffeId: "spiffe://a.test/web", claims });
    assert.equal(JSON.stringify(decodeValidateJwtSvidResponse(valid).claims), JSON.stringify(claims));
    const { claims: struct } = workloadApiService.ValidateJWTSVID.responseDeserialize(Buffer.from(valid));
    assert.deepEqual(Object.keys(struct?.fields ?? {}), Object.keys(claims));

    assert.deepEqual(decodeJwtSvidRequest(encodeJwtSvidRequest(["a", "b"], "spiffe://a.test/web")), {
      audience: ["a", "b"],
      spiffeId: "spiffe://a.test/web",
    });
    assert.deepEqual(decodeValidateJwtSvidRequest(encodeValidateJwtSvidRequest("a", "x.y.z")), {
      audience: "a",
      svid: "x.y.z",
    });
  });
});
