import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import protobuf from "protobufjs/minimal.js";
import { encodePkcs8 } from "../../../certs/index.ts";
import type { WireX509Svid } from "../../../proto/workload/codec.ts";
import { encodeJwtBundlesResponse, encodeValidateJwtSvidResponse } from "../../../proto/workload/service-codec.ts";
import { BundleSource, X509Source } from "../../../sdk/index.ts";
import { afterChange } from "../../../sdk/testing/index.ts";
import { settle } from "../../../sdk/testing/test-clock.ts";
import { alternativeNames, basicConstraints, craftLeaf, keyUsage } from "../../fakes/crafted-certificate.ts";
import { finish, ScriptedAgent, say } from "../../fakes/scripted-agent.ts";
import { a, b, bundleOfA, jwtBundlesMessage, wire, x509BundlesMessage, x509Message, x509Of } from "./messages.ts";
import { ClockedClient, type ConformanceCase } from "./watching.ts";

const { Writer } = protobuf;
const malformed = "ERR_WORKLOAD_API_MALFORMED";

/** Between two legal messages on one stream: it is reported, changes nothing, and the stream goes on. */
function discarded(name: string, message: () => Uint8Array): ConformanceCase {
  return {
    rows: [],
    name: `${name} is reported and discarded, and the stream goes on`,
    run: async () => {
      await using agent = await ScriptedAgent.start(({ stream }) => say(stream, x509Of("/before"), message()));
      using clocked = new ClockedClient(agent.endpoint);
      await using watching = clocked.x509();
      assert.equal((await watching.update()).svids[0].id.path, "/before");
      const { problem, retryInMs } = await watching.problem();
      assert.deepEqual([problem.code, retryInMs], [malformed, 0]);
      const [call] = agent.calls;
      assert.ok(call !== undefined);
      say(call.stream, x509Of("/after"));
      assert.equal((await watching.update()).svids[0].id.path, "/after");
      assert.equal(agent.calls.length, 1);
    },
  };
}

/** Read as if there were nothing special about it. */
function taken(name: string, message: () => Uint8Array, paths: readonly string[] = ["/web"]): ConformanceCase {
  return {
    rows: [],
    name: `${name} is taken`,
    run: async () => {
      await using agent = await ScriptedAgent.start(({ stream }) => say(stream, message()));
      using clocked = new ClockedClient(agent.endpoint);
      const { svids } = await clocked.client.fetchX509Context();
      assert.deepEqual(
        svids.map(({ id }) => id.path),
        paths,
      );
    },
  };
}

const good = (): WireX509Svid => wire(a.issueX509Svid("/web"));
const withParts = (parts: Partial<WireX509Svid>): Uint8Array => x509Message([{ ...good(), ...parts }]);
const otherKey = (type: "rsa" | "ec" | "ed25519"): Uint8Array => {
  if (type === "rsa") return encodePkcs8(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey);
  if (type === "ec") return encodePkcs8(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
  return encodePkcs8(generateKeyPairSync("ed25519").privateKey);
};

function crafted(extensions: Readonly<Record<string, Uint8Array | undefined>>, spiffeId = "spiffe://a.test/x") {
  const { der, key } = craftLeaf({ extensions });
  return x509Message([{ spiffeId, x509Svid: der, x509SvidKey: encodePkcs8(key), bundle: bundleOfA, hint: "" }]);
}

/** An SVID's bytes with more fields behind, inside the message's field 1. */
function rawSvid(more: (writer: protobuf.Writer) => unknown): Uint8Array {
  const { spiffeId, x509Svid, x509SvidKey, bundle } = good();
  const writer = Writer.create().uint32(0x0a).fork().uint32(0x0a).string(spiffeId).uint32(0x12).bytes(x509Svid);
  writer.uint32(0x1a).bytes(x509SvidKey).uint32(0x22).bytes(bundle);
  more(writer);
  return writer.ldelim().finish();
}

const uri = (text: string): readonly [number, string] => [0x86, text];
const latin1 = (text: string): Uint8Array => Buffer.from(text, "latin1");

export const hostileMessageCases: readonly ConformanceCase[] = [
  discarded("an empty message", () => new Uint8Array()),
  discarded("a message that is no protobuf", () => Buffer.from("hello")),
  discarded("a message that is cut off", () => x509Of("/web").subarray(0, 200)),
  discarded("a field of number 0", () => Buffer.from([0x02, 0x00])),
  discarded("groups a million deep", () => Buffer.alloc(1_000_000, 0x2b)),
  discarded("more fields than any agent sends", () => Buffer.alloc(200_000, Buffer.from([0x0a, 0x00]))),
  discarded("one bad identity among good ones", () =>
    x509Message([good(), { ...good(), x509SvidKey: otherKey("ec") }, good()]),
  ),
  discarded("a key that is not the leaf's", () => withParts({ x509SvidKey: otherKey("ec") })),
  discarded("a key of another kind than the leaf's", () => withParts({ x509SvidKey: otherKey("rsa") })),
  discarded("an Ed25519 key for an ECDSA leaf", () => withParts({ x509SvidKey: otherKey("ed25519") })),
  discarded("a key of random bytes", () => withParts({ x509SvidKey: Buffer.alloc(138, 7) })),
  discarded("a key of a megabyte", () => withParts({ x509SvidKey: Buffer.alloc(1 << 20, 7) })),
  discarded("bytes behind the chain", () => withParts({ x509Svid: Buffer.concat([good().x509Svid, Buffer.of(0)]) })),
  discarded("bytes inside the leaf, behind its end", () => {
    const { der, key } = craftLeaf({ tail: Buffer.of(0x05, 0x00) });
    return withParts({ spiffeId: "spiffe://a.test/x", x509Svid: der, x509SvidKey: encodePkcs8(key) });
  }),
  discarded("a chain in PEM", () => withParts({ x509Svid: Buffer.from("-----BEGIN CERTIFICATE-----") })),
  discarded("a chain of a hundred certificates", () =>
    withParts({ x509Svid: Buffer.concat([good().x509Svid, ...Array.from({ length: 99 }, () => bundleOfA)]) }),
  ),
  discarded("a leaf without a URI", () => crafted({ alternativeNames: undefined })),
  discarded("a leaf with a DNS name only", () =>
    crafted({ alternativeNames: alternativeNames(false, [0x82, "x.test"]) }),
  ),
  discarded("a leaf with two URIs", () =>
    crafted({ alternativeNames: alternativeNames(false, uri("spiffe://a.test/x"), uri("spiffe://a.test/y")) }),
  ),
  discarded("a leaf whose URI is no SPIFFE ID", () =>
    crafted({ alternativeNames: alternativeNames(false, uri("https://a.test/x")) }),
  ),
  discarded("a leaf of a trust domain, without a path", () =>
    crafted({ alternativeNames: alternativeNames(false, uri("spiffe://a.test")) }, "spiffe://a.test"),
  ),
  discarded("a leaf that is a CA", () => crafted({ basicConstraints: basicConstraints(true) })),
  discarded("a leaf that may sign certificates", () => crafted({ keyUsage: keyUsage(0x84) })),
  discarded("an identity under another's name", () => withParts({ spiffeId: "spiffe://a.test/db" })),
  discarded("an identity under a name that is none", () => withParts({ spiffeId: "spiffe://a.test/web/" })),
  discarded("a hint that is not UTF-8", () => rawSvid((writer) => writer.uint32(0x2a).bytes(latin1("\xff\xfe")))),
  discarded("a trust domain that is not UTF-8", () =>
    Buffer.concat([
      x509Of("/web"),
      Writer.create().uint32(0x1a).fork().uint32(0x0a).bytes(latin1("spiffe://b\xff")).ldelim().finish(),
    ]),
  ),
  discarded("a certificate of another wire type", () =>
    rawSvid((writer) => writer.uint32(0x12).bytes(new Uint8Array())),
  ),
  discarded("a federated bundle that is none", () => x509Of("/web", { "spiffe://b.test": Buffer.from("bundle") })),
  taken("a leaf as crafted here, without a fault,", () => crafted({}), ["/x"]),
  taken("an unknown field in the message and in an identity", () =>
    Buffer.concat([
      rawSvid((writer) => writer.uint32(0x7a).string("later").uint32(0x80).uint32(7)),
      Writer.create().uint32(0x7a).string("later").uint32(0xfd).fixed32(7).finish(),
    ]),
  ),
  taken("a known field of another wire type, besides the right one,", () =>
    rawSvid((writer) => writer.uint32(0x28).uint32(7)),
  ),
  taken("a federated bundle without a certificate", () => x509Of("/web", { "spiffe://b.test": new Uint8Array() })),
  taken("a revocation list, whatever is in it,", () => x509Message([good()], {}, [Buffer.from("no CRL")])),
  taken(
    "a hundred identities",
    () => {
      const one = good();
      return x509Message(Array.from({ length: 100 }, () => one));
    },
    Array.from({ length: 100 }, () => "/web"),
  ),
  {
    rows: [],
    name: "a federated bundle without a certificate trusts nobody",
    run: async () => {
      await using agent = await ScriptedAgent.start(({ stream }) =>
        say(stream, x509BundlesMessage({ "spiffe://a.test": bundleOfA, "spiffe://b.test": new Uint8Array() })),
      );
      await using source = await BundleSource.open({ endpoint: agent.endpoint, kinds: ["x509"] });
      assert.equal(source.get(b.trustDomain)?.x509Authorities.length, 0);
    },
  },
  {
    rows: [],
    name: "the same content again is no change, on the same stream and on the next",
    run: async () => {
      const message = x509Of("/web", { "spiffe://b.test": b.bundle.x509Der() });
      const keys = jwtBundlesMessage({ "spiffe://a.test": a.bundle.toWorkloadJwks() });
      const answer = (method: string): Uint8Array => (method === "FetchX509SVID" ? message : keys);
      await using agent = await ScriptedAgent.start(({ stream, method }) =>
        say(stream, answer(method), answer(method)),
      );
      using clocked = new ClockedClient(agent.endpoint);
      const { client, clock } = clocked;
      await using identity = await X509Source.open({ client, clock });
      await using bundles = await BundleSource.open({ client, clock, kinds: ["jwt"] });
      const { svid } = identity;
      let changes = 0;
      for (const source of [identity, bundles]) {
        source.onChange(() => {
          changes += 1;
        });
      }
      await clock.advance(5_000);
      for (const { stream, method } of [...agent.calls]) say(stream, answer(method));
      await settle();
      for (const { stream } of [...agent.calls]) finish(stream);
      await agent.called(4);
      while (!identity.health.isConnected || !bundles.health.isConnected) await settle();
      assert.equal(changes, 0);
      assert.equal(identity.svid, svid);
      assert.ok(identity.health.ageMs < 5_000);
      const last = agent.calls.findLast(({ method }) => method === "FetchX509SVID");
      assert.ok(last !== undefined);
      await afterChange(identity, () => say(last.stream, x509Of("/other")));
      assert.equal(identity.svid.id.path, "/other");
    },
  },
  ...(
    [
      ["no JSON", () => jwtBundlesMessage({ "spiffe://a.test": "{" })],
      ["no key set", () => jwtBundlesMessage({ "spiffe://a.test": "[]" })],
      ["no bytes", () => jwtBundlesMessage({ "spiffe://a.test": "" })],
      ["no UTF-8", () => encodeJwtBundlesResponse(new Map([["spiffe://a.test", latin1('{"keys":["\xff"]}')]]))],
      ["nested too deeply", () => jwtBundlesMessage({ "spiffe://a.test": `${"[".repeat(9_999)}${"]".repeat(9_999)}` })],
      ["of no trust domain", () => jwtBundlesMessage({ "a.test/": '{"keys":[]}' })],
    ] as const
  ).map(([name, message]) => ({
    rows: [],
    name: `a JWT bundle that is ${name} is reported and discarded, with the good one before`,
    run: async () => {
      const before = jwtBundlesMessage({ "spiffe://b.test": b.bundle.toWorkloadJwks() });
      await using agent = await ScriptedAgent.start(({ stream }) => say(stream, before, message(), before));
      using clocked = new ClockedClient(agent.endpoint);
      await using watching = clocked.jwtBundles();
      await watching.update();
      const { problem, retryInMs } = await watching.problem();
      assert.deepEqual([problem.code, retryInMs], [malformed, 0]);
      await watching.update();
    },
  })),
  {
    rows: [],
    name: "claims that nest without end are discarded",
    run: async () => {
      let claims: Record<string, unknown> = {};
      for (let depth = 0; depth < 500; depth += 1) claims = { deeper: claims };
      await using agent = await ScriptedAgent.start(({ stream }) => {
        say(stream, encodeValidateJwtSvidResponse({ spiffeId: "spiffe://a.test/web", claims }));
        finish(stream);
      });
      using clocked = new ClockedClient(agent.endpoint);
      await assert.rejects(clocked.client.validateJwtSvid("db", "x.y.z"), { code: malformed });
    },
  },
];
