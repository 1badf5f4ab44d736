import assert from "node:assert/strict";
import { jwtVerify } from "jose";
import {
  decodeJwtSvidRequest,
  encodeJwtSvidResponse,
  encodeValidateJwtSvidResponse,
} from "../../../proto/workload/service-codec.ts";
import { BundleSource, JwtSource, jwtKeySet } from "../../../sdk/index.ts";
import { finish, requestOf, type Script, ScriptedAgent, say } from "../../fakes/scripted-agent.ts";
import { a, b, jwtBundlesMessage } from "./messages.ts";
import { ClockedClient, type ConformanceCase } from "./watching.ts";

const web = "spiffe://a.test/web";
const token = (audience: string | readonly string[] = "db"): string => a.issueJwtSvid("/web", { audience });
const malformed = { code: "ERR_WORKLOAD_API_MALFORMED" };

const answering =
  (message: Uint8Array): Script =>
  ({ stream }) => {
    say(stream, message);
    finish(stream);
  };

const bundles: Script = ({ stream }) =>
  say(
    stream,
    jwtBundlesMessage({ "spiffe://a.test": a.bundle.toWorkloadJwks(), "spiffe://b.test": b.bundle.toWorkloadJwks() }),
  );

export const jwtCases: readonly ConformanceCase[] = [
  {
    rows: ["WAPI-47"],
    name: "no JWT-SVID is asked for without an audience",
    run: async () => {
      await using agent = await ScriptedAgent.start(() => {});
      using clocked = new ClockedClient(agent.endpoint);
      await using source = await JwtSource.open({ endpoint: agent.endpoint });
      for (const audience of [[], [""], ["db", ""]]) {
        await assert.rejects(clocked.client.fetchJwtSvids({ audience }), TypeError);
        await assert.rejects(source.svid({ audience }), TypeError);
      }
      assert.equal(agent.calls.length, 0);
    },
  },
  {
    rows: ["WAPI-48"],
    name: "all audiences are asked for, and a token without one of them is not taken",
    run: async () => {
      const asked: ReturnType<typeof decodeJwtSvidRequest>[] = [];
      let given = token(["db", "cache"]);
      await using agent = await ScriptedAgent.start(async ({ stream }) => {
        asked.push(decodeJwtSvidRequest(await requestOf(stream)));
        say(stream, encodeJwtSvidResponse([{ spiffeId: web, svid: given, hint: "" }]));
        finish(stream);
      });
      using clocked = new ClockedClient(agent.endpoint);
      await clocked.client.fetchJwtSvids({ audience: ["db", "cache"], spiffeId: web });
      assert.deepEqual(asked, [{ audience: ["db", "cache"], spiffeId: web }]);
      await using source = await JwtSource.open({ endpoint: agent.endpoint });
      assert.deepEqual((await source.svid({ audience: ["db", "cache"] })).audience, ["db", "cache"]);
      given = token("db");
      await assert.rejects(source.svid({ audience: ["db", "other"] }), malformed);
    },
  },
  {
    rows: ["WAPI-54"],
    name: "of several tokens with one hint the first counts",
    run: async () => {
      const all = [
        ["x", "1"],
        ["", "2"],
        ["x", "3"],
        ["", "4"],
      ] as const;
      const svids = all.map(([hint, svid]) => ({ spiffeId: web, svid, hint }));
      await using agent = await ScriptedAgent.start(answering(encodeJwtSvidResponse(svids)));
      using clocked = new ClockedClient(agent.endpoint);
      const fetched = await clocked.client.fetchJwtSvids({ audience: ["db"] });
      assert.deepEqual(
        fetched.map((one) => one.token),
        ["1", "2", "4"],
      );
    },
  },
  ...[
    { svids: [] },
    { svids: [{ spiffeId: "", svid: token(), hint: "" }] },
    { svids: [{ spiffeId: "spiffe://a.test/", svid: token(), hint: "" }] },
    { svids: [{ spiffeId: web, svid: "", hint: "" }] },
  ].map(({ svids }) => ({
    rows: ["WAPI-19"],
    name: `an answer with ${svids.length === 0 ? "no token" : `identity "${svids[0]?.spiffeId}" and ${svids[0]?.svid === "" ? "no" : "a"} token`} is not taken`,
    run: async () => {
      await using agent = await ScriptedAgent.start(answering(encodeJwtSvidResponse(svids)));
      using clocked = new ClockedClient(agent.endpoint);
      await assert.rejects(clocked.client.fetchJwtSvids({ audience: ["db"] }), malformed);
    },
  })),
  {
    rows: ["WAPI-57", "WAPI-71", "WAPI-72"],
    name: "a token is verified by the JWT keys of its own trust domain only, and JWT bundles verify no X509-SVID",
    run: async () => {
      await using agent = await ScriptedAgent.start(bundles);
      await using source = await BundleSource.open({ endpoint: agent.endpoint, kinds: ["jwt"] });
      const validate = (text: string): string => source.validateJwtSvid(text, { audience: "db" }).id.toString();
      assert.equal(validate(token()), web);
      assert.equal(validate(b.issueJwtSvid("/web", { audience: "db" })), "spiffe://b.test/web");
      for (const { x509Authorities } of source.bundles) assert.equal(x509Authorities.length, 0);
      agent.script = ({ stream }) => say(stream, jwtBundlesMessage({ "spiffe://b.test": a.bundle.toWorkloadJwks() }));
      await using swapped = await BundleSource.open({ endpoint: agent.endpoint, kinds: ["jwt"] });
      assert.throws(() => swapped.validateJwtSvid(token(), { audience: "db" }), {
        code: "ERR_TRUST_DOMAIN_NOT_TRUSTED",
      });
    },
  },
  {
    rows: ["WAPI-57"],
    name: "keys of another use in a JWT bundle are no keys; a bundle without keys trusts nobody",
    run: async () => {
      const { keys } = JSON.parse(a.bundle.toWorkloadJwks());
      const others = ["x509-svid", "wit-svid", "unknown"].map((use) => ({ ...keys[0], use }));
      await using agent = await ScriptedAgent.start(({ stream }) =>
        say(
          stream,
          jwtBundlesMessage({ "spiffe://a.test": JSON.stringify({ keys: others }), "spiffe://b.test": '{"keys":[]}' }),
        ),
      );
      await using source = await BundleSource.open({ endpoint: agent.endpoint, kinds: ["jwt"] });
      for (const issuer of [a, b]) {
        const text = issuer.issueJwtSvid("/web", { audience: "db" });
        assert.equal(source.get(issuer.trustDomain)?.jwtAuthorities.length, 0);
        assert.throws(() => source.validateJwtSvid(text, { audience: "db" }), {
          code: "ERR_BUNDLE_NO_JWT_AUTHORITIES",
        });
      }
    },
  },
  {
    rows: ["WAPI-68"],
    name: "validation needs an audience and a token, and an answer with identity and claims",
    run: async () => {
      await using agent = await ScriptedAgent.start(() => {});
      using clocked = new ClockedClient(agent.endpoint);
      await assert.rejects(clocked.client.validateJwtSvid("", token()), TypeError);
      await assert.rejects(clocked.client.validateJwtSvid("db", ""), TypeError);
      assert.equal(agent.calls.length, 0);
      for (const answer of [
        { spiffeId: "", claims: { sub: web } },
        { spiffeId: "a.test/web", claims: { sub: web } },
        { spiffeId: web, claims: {} },
      ]) {
        agent.script = answering(encodeValidateJwtSvidResponse(answer));
        await assert.rejects(clocked.client.validateJwtSvid("db", token()), malformed);
      }
    },
  },
  {
    rows: ["WAPI-69"],
    name: "the Workload API's validation can be had, with the claims it found",
    run: async () => {
      const claims = { sub: web, aud: ["db"], exp: 2_000_000_000, nested: { yes: true } };
      await using agent = await ScriptedAgent.start(
        answering(encodeValidateJwtSvidResponse({ spiffeId: web, claims })),
      );
      using clocked = new ClockedClient(agent.endpoint);
      const validated = await clocked.client.validateJwtSvid("db", token());
      assert.equal(validated.id.toString(), web);
      assert.equal(JSON.stringify(validated.claims), JSON.stringify(claims));
    },
  },
  {
    rows: ["WAPI-70"],
    name: "software that knows no SPIFFE is given the keys of one trust domain",
    run: async () => {
      await using agent = await ScriptedAgent.start(bundles);
      await using source = await BundleSource.open({ endpoint: agent.endpoint, kinds: ["jwt"] });
      const keysOfA = jwtKeySet(source, a.trustDomain);
      assert.equal((await jwtVerify(token(), keysOfA, { audience: "db" })).payload.sub, web);
      await assert.rejects(jwtVerify(b.issueJwtSvid("/web", { audience: "db" }), keysOfA, { audience: "db" }), {
        code: "ERR_TRUST_DOMAIN_NOT_TRUSTED",
      });
    },
  },
];
