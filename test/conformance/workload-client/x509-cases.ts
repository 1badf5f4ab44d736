import assert from "node:assert/strict";
import { encodePem, encodePkcs8 } from "../../../certs/index.ts";
import { BundleSource, X509Source } from "../../../sdk/index.ts";
import { afterChange, TestIssuer } from "../../../sdk/testing/index.ts";
import { verifyX509Svid, type X509Svid } from "../../../spiffe/index.ts";
import { refuse, ScriptedAgent, type ScriptedCall, say } from "../../fakes/scripted-agent.ts";
import {
  a,
  b,
  bundleOfA,
  bundleOfB,
  jwtBundlesMessage,
  wire,
  x509BundlesMessage,
  x509Message,
  x509Of,
} from "./messages.ts";
import { ClockedClient, type ConformanceCase } from "./watching.ts";

const idOfB = "spiffe://b.test";

/** An agent that has said `first`, and the call on which more can be said. */
async function started(
  first: Uint8Array,
): Promise<{ readonly agent: ScriptedAgent; readonly call: Promise<ScriptedCall> }> {
  let onCall: (call: ScriptedCall) => void = () => {};
  const call = new Promise<ScriptedCall>((resolve) => {
    onCall = resolve;
  });
  const agent = await ScriptedAgent.start((next) => {
    say(next.stream, first);
    onCall(next);
  });
  return { agent, call };
}

/** A message of a call is legal or not, in one go. */
async function isRead(message: Uint8Array): Promise<readonly string[]> {
  await using agent = await ScriptedAgent.start(({ stream }) => say(stream, message));
  using clocked = new ClockedClient(agent.endpoint);
  const { svids } = await clocked.client.fetchX509Context();
  return svids.map(({ id, hint, chain }) => `${id.path} ${hint} ${chain.length}`);
}

const malformed = { code: "ERR_WORKLOAD_API_MALFORMED" };

const sec1 = (svid: X509Svid): Uint8Array => svid.key.export({ type: "sec1", format: "der" });
const encrypted = (svid: X509Svid): Uint8Array =>
  svid.key.export({ type: "pkcs8", format: "der", cipher: "aes-256-cbc", passphrase: "secret" });

export const x509Cases: readonly ConformanceCase[] = [
  {
    rows: ["WAPI-15", "WAPI-16", "WAPI-17"],
    name: "a federated bundle that is missing from the next message is unloaded, and another takes its place",
    run: async () => {
      const c = TestIssuer.create("c.test");
      const { agent, call } = await started(x509Of("/web", { [idOfB]: bundleOfB }));
      await using _agent = agent;
      await using source = await X509Source.open({ endpoint: agent.endpoint });
      const { stream } = await call;
      assert.notEqual(source.get(b.trustDomain), undefined);
      await afterChange(source, () => say(stream, x509Of("/web", { "spiffe://c.test": c.bundle.x509Der() })));
      assert.equal(source.get(b.trustDomain), undefined);
      assert.notEqual(source.get(c.trustDomain), undefined);
      await afterChange(source, () => say(stream, x509Of("/web")));
      assert.equal(source.bundles?.size, 1);
    },
  },
  {
    rows: ["WAPI-33"],
    name: "an identity that is missing from the next message is used no more; PermissionDenied withdraws all",
    run: async () => {
      const both = x509Message([wire(a.issueX509Svid("/web")), wire(a.issueX509Svid("/db"))]);
      const { agent, call } = await started(both);
      await using _agent = agent;
      await using source = await X509Source.open({ endpoint: agent.endpoint });
      assert.equal(source.svids.length, 2);
      const { stream } = await call;
      await afterChange(source, () => say(stream, x509Of("/db")));
      assert.deepEqual(
        source.svids.map(({ id }) => id.path),
        ["/db"],
      );
      agent.script = (next) => refuse(next.stream, 7);
      await afterChange(source, () => stream.close(8));
      assert.throws(() => source.svid, { code: "ERR_WORKLOAD_API_DENIED" });
      assert.deepEqual([source.svids, source.bundles], [[], undefined]);
    },
  },
  {
    rows: ["WAPI-44", "WAPI-63"],
    name: "bundles that are missing from the next message are used no more; PermissionDenied withdraws all",
    run: async () => {
      const keys = '{"keys":[]}';
      const answer = (domains: readonly string[]) => (call: ScriptedCall) =>
        say(
          call.stream,
          call.method === "FetchX509Bundles"
            ? x509BundlesMessage(Object.fromEntries(domains.map((domain) => [domain, bundleOfA])))
            : jwtBundlesMessage(Object.fromEntries(domains.map((domain) => [domain, keys]))),
        );
      await using agent = await ScriptedAgent.start(answer(["spiffe://a.test", idOfB]));
      for (const kind of ["x509", "jwt"] as const) {
        agent.script = answer(["spiffe://a.test", idOfB]);
        await using source = await BundleSource.open({ endpoint: agent.endpoint, kinds: [kind] });
        const call = agent.calls.at(-1);
        assert.ok(call !== undefined);
        assert.notEqual(source.get(b.trustDomain), undefined);
        await afterChange(source, () => answer(["spiffe://a.test"])(call));
        assert.deepEqual([source.get(b.trustDomain), source.bundles.size], [undefined, 1]);
        agent.script = (next) => refuse(next.stream, 7);
        await afterChange(source, () => call.stream.close(8));
        assert.equal(source.bundles.size, 0);
      }
    },
  },
  ...(["spiffeId", "x509Svid", "x509SvidKey", "bundle"] as const).map((field) => ({
    rows: ["WAPI-19"],
    name: `a message with an empty ${field} is reported and dropped whole; the state before stays`,
    run: async () => {
      const { agent, call } = await started(x509Of("/web", { [idOfB]: bundleOfB }));
      await using _agent = agent;
      using client = new ClockedClient(agent.endpoint);
      await using watching = client.x509();
      await watching.update();
      const { stream } = await call;
      const empty = field === "spiffeId" ? { spiffeId: "" } : { [field]: new Uint8Array() };
      const good = wire(a.issueX509Svid("/web"));
      say(stream, x509Message([good, wire(a.issueX509Svid("/db"), empty)]), x509Message([good]));
      const { problem, retryInMs } = await watching.problem();
      assert.deepEqual([problem.code, retryInMs], ["ERR_WORKLOAD_API_MALFORMED", 0]);
      assert.equal((await watching.update()).svids.length, 1);
      assert.equal(agent.calls.length, 1);
    },
  })),
  {
    rows: ["WAPI-19"],
    name: "a message without any identity, or without any bundle, is dropped",
    run: async () => {
      await assert.rejects(isRead(x509Message([], { [idOfB]: bundleOfB })), malformed);
      const nothing = new Uint8Array();
      await using agent = await ScriptedAgent.start(({ stream }) => say(stream, nothing));
      using clocked = new ClockedClient(agent.endpoint);
      await assert.rejects(clocked.client.fetchX509Bundles(), malformed);
      await assert.rejects(clocked.client.fetchJwtBundles(), malformed);
    },
  },
  {
    rows: ["WAPI-21", "WAPI-22", "WAPI-23"],
    name: "a peer is verified by its own trust domain's bundle only; without one it is not trusted",
    run: async () => {
      const { agent } = await started(x509Of("/web", { [idOfB]: bundleOfB }));
      await using _agent = agent;
      await using source = await X509Source.open({ endpoint: agent.endpoint });
      const forger = TestIssuer.create("a.test");
      const stranger = TestIssuer.create("c.test");
      for (const usage of ["client", "server"] as const) {
        const verify = (svid: X509Svid): string =>
          verifyX509Svid({ chain: svid.chain, bundles: source, atMs: Date.now(), usage }).id.toString();
        assert.equal(verify(a.issueX509Svid("/db")), "spiffe://a.test/db");
        assert.equal(verify(b.issueX509Svid("/db")), "spiffe://b.test/db");
        assert.throws(() => verify(forger.issueX509Svid("/db")), { code: "ERR_X509_SVID_UNTRUSTED" });
        assert.throws(() => verify(stranger.issueX509Svid("/db")), { code: "ERR_TRUST_DOMAIN_NOT_TRUSTED" });
      }
    },
  },
  {
    rows: ["WAPI-21", "WAPI-22"],
    name: "an SVID that comes with another trust domain's certificates as bundle lets in nobody of either",
    run: async () => {
      const own = a.issueX509Svid("/web");
      const { agent } = await started(x509Message([wire(own, { bundle: bundleOfB })]));
      await using _agent = agent;
      await using source = await X509Source.open({ endpoint: agent.endpoint });
      const verify = (svid: X509Svid): unknown =>
        verifyX509Svid({ chain: svid.chain, bundles: source, atMs: Date.now(), usage: "client" });
      assert.equal(source.svid.id.toString(), "spiffe://a.test/web");
      assert.throws(() => verify(a.issueX509Svid("/db")), { code: "ERR_X509_SVID_UNTRUSTED" });
      assert.throws(() => verify(b.issueX509Svid("/db")), { code: "ERR_TRUST_DOMAIN_NOT_TRUSTED" });
    },
  },
  {
    rows: ["WAPI-25", "WAPI-39"],
    name: "bundles of X.509 calls verify no JWT-SVID",
    run: async () => {
      await using agent = await ScriptedAgent.start(({ stream, method }) =>
        say(
          stream,
          method === "FetchX509SVID"
            ? x509Of("/web", { [idOfB]: bundleOfB })
            : x509BundlesMessage({ "spiffe://a.test": bundleOfA, [idOfB]: bundleOfB }),
        ),
      );
      using clocked = new ClockedClient(agent.endpoint);
      const { bundles } = await clocked.client.fetchX509Context();
      for (const bundle of [...bundles, ...(await clocked.client.fetchX509Bundles())]) {
        assert.deepEqual([bundle.x509Authorities.length, bundle.jwtAuthorities.length], [1, 0]);
      }
      await using source = await BundleSource.open({ endpoint: agent.endpoint, kinds: ["x509"] });
      const token = a.issueJwtSvid("/web", { audience: "db" });
      assert.throws(() => source.validateJwtSvid(token, { audience: "db" }), { code: "ERR_BUNDLE_NO_JWT_AUTHORITIES" });
    },
  },
  {
    rows: ["WAPI-30"],
    name: "of several identities with one hint the first counts; empty hints may repeat",
    run: async () => {
      const svids = [
        ["/a", "x"],
        ["/b", ""],
        ["/c", "x"],
        ["/d", ""],
      ] as const;
      const message = x509Message(svids.map(([path, hint]) => wire(a.issueX509Svid({ path, hint }))));
      assert.deepEqual(await isRead(message), ["/a x 1", "/b  1", "/d  1"]);
    },
  },
  {
    rows: ["WAPI-34"],
    name: "the chain is DER with the leaf first and intermediates behind it",
    run: async () => {
      const svid = a.issueX509Svid("/web");
      const chain = Buffer.concat([svid.chainDer(), bundleOfA]);
      assert.deepEqual(await isRead(x509Message([wire(svid, { x509Svid: chain })])), ["/web  2"]);
      const rootFirst = Buffer.concat([bundleOfA, svid.chainDer()]);
      await assert.rejects(isRead(x509Message([wire(svid, { x509Svid: rootFirst })])), malformed);
    },
  },
  {
    rows: ["WAPI-35"],
    name: "the key is PKCS#8, in DER, not encrypted",
    run: async () => {
      const svid = a.issueX509Svid("/web");
      assert.deepEqual(await isRead(x509Message([wire(svid)])), ["/web  1"]);
      const pem = Buffer.from(svid.key.export({ type: "pkcs8", format: "pem" }));
      const trailing = Buffer.concat([encodePkcs8(svid.key), Buffer.from([0])]);
      for (const key of [sec1(svid), encrypted(svid), pem, trailing]) {
        await assert.rejects(isRead(x509Message([wire(svid, { x509SvidKey: key })])), malformed);
      }
    },
  },
  {
    rows: ["WAPI-36"],
    name: "a bundle is DER certificates one after the other, never PEM, with nothing behind",
    run: async () => {
      const svid = a.issueX509Svid("/web");
      const pem = Buffer.from(encodePem("CERTIFICATE", bundleOfA));
      const trailing = Buffer.concat([bundleOfA, Buffer.from([0x30])]);
      for (const bundle of [pem, trailing]) {
        await assert.rejects(isRead(x509Message([wire(svid, { bundle })])), malformed);
        await assert.rejects(isRead(x509Message([wire(svid)], { [idOfB]: bundle })), malformed);
      }
      const next = TestIssuer.create("b.test").bundle.x509Der();
      const two = Buffer.concat([bundleOfB, next]);
      await using agent = await ScriptedAgent.start(({ stream }) => say(stream, x509Of("/web", { [idOfB]: two })));
      using clocked = new ClockedClient(agent.endpoint);
      const { bundles } = await clocked.client.fetchX509Context();
      assert.equal(bundles.get(b.trustDomain)?.x509Authorities.length, 2);
    },
  },
  {
    rows: ["WAPI-37"],
    name: "keys of bundles are SPIFFE IDs of trust domains; the own one is never taken from the federated ones",
    run: async () => {
      for (const key of ["spiffe://b.test/", "spiffe://b.test/path", "https://b.test", "spiffe://B.test", ""]) {
        await assert.rejects(isRead(x509Of("/web", { [key]: bundleOfB })), malformed, key);
      }
      await using agent = await ScriptedAgent.start(({ stream }) =>
        say(stream, x509Of("/web", { "spiffe://a.test": bundleOfB })),
      );
      using clocked = new ClockedClient(agent.endpoint);
      const { bundles } = await clocked.client.fetchX509Context();
      assert.deepEqual(Buffer.from(bundles.get(a.trustDomain)?.x509Der() ?? []), Buffer.from(bundleOfA));
    },
  },
  {
    rows: ["WAPI-93", "WAPI-94"],
    name: "the first identity is the default one, in the order of the agent; a hint chooses another",
    run: async () => {
      const paths = ["/z", "/a", "/m"] as const;
      const message = x509Message(paths.map((path) => wire(a.issueX509Svid({ path, hint: `hint of ${path}` }))));
      await using agent = await ScriptedAgent.start(({ stream }) => say(stream, message));
      await using source = await X509Source.open({ endpoint: agent.endpoint });
      assert.equal(source.svid.id.path, "/z");
      assert.deepEqual(
        source.svids.map(({ id }) => id.path),
        paths,
      );
      await using chosen = await X509Source.open({
        endpoint: agent.endpoint,
        pick: (svids) => svids.find(({ hint }) => hint === "hint of /m"),
      });
      assert.equal(chosen.svid.id.path, "/m");
    },
  },
  {
    rows: ["WAPI-97"],
    name: "a hint that is missing is an error of its own, never another identity; one nobody expects is none of our business",
    run: async () => {
      const long = "é".repeat(512);
      const message = x509Message([wire(a.issueX509Svid({ path: "/web", hint: long }))]);
      await using agent = await ScriptedAgent.start(({ stream }) => say(stream, message));
      await using source = await X509Source.open({ endpoint: agent.endpoint });
      assert.equal(source.svid.hint, long);
      const opening = X509Source.open({
        endpoint: agent.endpoint,
        pick: (svids) => svids.find(({ hint }) => hint === "external"),
        timeoutMs: 50,
      });
      await assert.rejects(opening, (error: Error) => {
        assert.equal(Reflect.get(error, "code"), "ERR_SOURCE_TIMEOUT");
        assert.match(String(error.cause), /picker chose none/);
        return true;
      });
    },
  },
];
