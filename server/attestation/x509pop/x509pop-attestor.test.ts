import assert from "node:assert/strict";
import { createHash, type KeyObject } from "node:crypto";
import { describe, it } from "node:test";
import { Certificate } from "../../../certs/index.ts";
import { decodeAnswer, decodeChallenge, encodeAnswer, encodeCertificates } from "../../../proto/convert/x509pop.ts";
import { answerChallenge, type PossessionAnswer, type PossessionChallenge } from "../../../proto/domain/x509pop.ts";
import { TrustDomain } from "../../../spiffe/index.ts";
import {
  alternativeNames,
  basicConstraints,
  type Crafted,
  type CraftedOptions,
  craftCa,
  craftedNowMs,
  craftLeaf,
  keyUsage,
} from "../../../test/fakes/crafted-certificate.ts";
import { fixtureKey, testKey } from "../../../test/fakes/fixture-keys.ts";
import { seededRandom } from "../../../test/fakes/seeded-random.ts";
import { AgentPathTemplate } from "./path-template/path-template.ts";
import { X509PopAttestor, type X509PopOptions } from "./x509pop-attestor.ts";

const root = craftCa({ subject: "Root" });
const middle = craftCa({ subject: "Middle", issuer: root });

function node(options: CraftedOptions = {}): Crafted {
  return craftLeaf({
    subject: "host-1",
    issuer: middle,
    serial: Uint8Array.of(0x0a, 0x1b, 0x2c),
    ...options,
    extensions: { alternativeNames: undefined, ...options.extensions },
  });
}

const sha1 = ({ der }: Crafted): string => createHash("sha1").update(der).digest("hex");

interface Attempt {
  readonly chain?: readonly Crafted[];
  readonly payload?: Uint8Array;
  /** Signs in place of the leaf's key. */
  readonly key?: KeyObject;
  readonly roots?: readonly Crafted[];
  readonly options?: Partial<X509PopOptions>;
  readonly address?: string;
  readonly atMs?: number;
  /** What is answered, when it is not the truth. */
  readonly answer?: (challenge: PossessionChallenge, honest: PossessionAnswer) => Uint8Array;
}

const random = seededRandom(3);

async function attest(attempt: Attempt = {}) {
  const { chain = [node(), middle], roots = [root], answer = (_, honest) => encodeAnswer(honest) } = attempt;
  const attestor = new X509PopAttestor(
    {
      mode: { kind: "external_pki" },
      pathTemplate: AgentPathTemplate.parse("/{{ .PluginName }}/{{ .Fingerprint }}"),
      maxIntermediates: 4,
      maxRsaBits: 4096,
      verifiesClientIp: false,
      ...attempt.options,
    },
    {
      trustDomain: TrustDomain.parse("example.org"),
      anchors: { current: async () => roots.map(({ der }) => Certificate.parse(der)) },
      clock: { now: () => attempt.atMs ?? craftedNowMs },
      random,
    },
  );
  const result = await attestor.attest(
    attempt.payload ?? encodeCertificates(chain.map(({ der }) => der)),
    async (message) => {
      const challenge = decodeChallenge(message);
      const key = attempt.key ?? chain[0]?.key ?? assert.fail("nobody has a key");
      const family = key.asymmetricKeyType === "rsa" ? "rsa" : "ec";
      return answer(challenge, answerChallenge(key, { ...challenge, family }, random.bytes(32)));
    },
    new AbortController().signal,
    { address: attempt.address },
  );
  return { ...result, selectors: result.selectors.map(String) };
}

function refuses(code: string, attempt: Attempt): Promise<void> {
  return assert.rejects(attest(attempt), { code });
}

describe("the x509pop attestor", () => {
  it("names a node by its certificate, with SPIRE's path and selectors, and lets it come again", async () => {
    const leaf = node({
      extensions: {
        alternativeNames: alternativeNames(
          false,
          [0x86, "x509pop://example.org/role/db/primary"],
          [0x86, "x509pop://example.org/zone/b%20c"],
          [0x86, "x509pop://other.org/role/evil"],
          [0x86, "x509pop://example.org/lonely"],
        ),
      },
    });
    for (let count = 0; count < 2; count += 1) {
      const result = await attest({ chain: [leaf, middle] });
      assert.equal(result.path, `/x509pop/${sha1(leaf)}`);
      assert.equal(result.canReattest, true);
      assert.deepEqual(result.selectors, [
        "x509pop:subject:cn:host-1",
        `x509pop:ca:fingerprint:${sha1(middle)}`,
        `x509pop:ca:fingerprint:${sha1(root)}`,
        "x509pop:serialnumber:0a1b2c",
        "x509pop:san:role:db/primary",
        "x509pop:san:zone:b c",
      ]);
    }
  });

  it("takes RSA and ECDSA keys of the accepted sizes, and leaves without extended key usage", async () => {
    for (const type of ["ec-p256", "ec-p384", "rsa-2048", "rsa-3072", "rsa-4096"]) {
      const leaf = node({ key: testKey(type), extensions: { extendedKeyUsage: undefined } });
      assert.equal((await attest({ chain: [leaf, middle] })).path, `/x509pop/${sha1(leaf)}`, type);
    }
  });

  it("has every authority of every path as a selector", async () => {
    const other = craftCa({ subject: "Other" });
    const cross = craftCa({ subject: "Middle", issuer: other, key: middle.key });
    const { selectors } = await attest({ chain: [node(), middle, cross], roots: [root, other] });
    for (const authority of [root, middle, other, cross]) {
      assert.ok(selectors.includes(`x509pop:ca:fingerprint:${sha1(authority)}`));
    }
  });

  it("believes nobody who does not have the key", async () => {
    const proof = "ERR_X509POP_PROOF";
    await refuses(proof, { key: testKey("ec-p256") });
    await refuses(proof, { chain: [node({ key: fixtureKey("rsa-2048") }), middle], key: fixtureKey("rsa-2048-other") });
    await refuses(proof, { key: fixtureKey("rsa-2048") });
    const elsewhere = new Uint8Array(32).fill(7);
    await refuses(proof, { answer: (_, honest) => encodeAnswer({ ...honest, nonce: elsewhere }) });
    await refuses(proof, { answer: (_, honest) => encodeAnswer({ ...honest, nonce: new Uint8Array(31) }) });
    const leaf = node();
    // Signed by the right key, but over another challenge: what an attacker has overheard, or asked the node for.
    const overheard = answerChallenge(leaf.key, { family: "ec", nonce: elsewhere }, elsewhere);
    await refuses(proof, { chain: [leaf, middle], answer: () => encodeAnswer(overheard) });
    let first: Uint8Array | undefined;
    const replayed: Attempt = {
      chain: [leaf, middle],
      answer: (_, honest) => {
        first ??= encodeAnswer(honest);
        return first;
      },
    };
    await attest(replayed);
    await refuses(proof, replayed);
  });

  it("believes no signature that is out of form", async () => {
    const change = (parts: Partial<Extract<PossessionAnswer, { family: "ec" }>>): Attempt => ({
      answer: (_, honest) => {
        assert.ok(honest.family === "ec");
        return encodeAnswer({ ...honest, ...parts });
      },
    });
    for (const bytes of [
      new Uint8Array(0),
      new Uint8Array(32),
      new Uint8Array(33).fill(1),
      new Uint8Array(9_000).fill(255),
    ]) {
      await refuses("ERR_X509POP_PROOF", change({ r: bytes }));
      await refuses("ERR_X509POP_PROOF", change({ s: bytes }));
    }
    for (const text of [
      "",
      "{}",
      "[]",
      "null",
      '{"ecdsa_signature":null,"rsa_signature":null}',
      '{"ecdsa_signature":{"nonce":"*"}}',
    ]) {
      await refuses("ERR_MALFORMED_REQUEST", { answer: () => Buffer.from(text) });
    }
  });

  it("asks with a fresh nonce each time, of the family of the key", async () => {
    const nonces = new Set<string>();
    for (const type of ["rsa-2048", "ec-p256", "ec-p256"]) {
      await attest({
        chain: [node({ key: testKey(type) }), middle],
        answer: (challenge, honest) => {
          assert.equal(challenge.family, type === "rsa-2048" ? "rsa" : "ec");
          assert.equal(challenge.nonce.length, 32);
          nonces.add(Buffer.from(challenge.nonce).toString("hex"));
          return encodeAnswer(honest);
        },
      });
    }
    assert.equal(nonces.size, 3);
  });

  it("refuses a chain that does not end under its authorities, now", async () => {
    const untrusted = "ERR_X509POP_UNTRUSTED";
    await refuses(untrusted, { roots: [craftCa({ subject: "Root" })] });
    await refuses(untrusted, { chain: [node()] });
    await refuses(untrusted, { atMs: craftedNowMs + 7_200_000 });
    await refuses(untrusted, { atMs: craftedNowMs - 7_200_000 });
    await refuses(untrusted, { chain: [node({ signer: testKey("ec-p256") }), middle] });
    const notAnAuthority = node({ subject: "Middle" });
    await refuses(untrusted, { chain: [node({ issuer: notAnAuthority }), notAnAuthority, middle] });
  });

  it("refuses as a node what is an authority or may not sign", async () => {
    const leaf = "ERR_X509POP_LEAF";
    const authority = { basicConstraints: basicConstraints(true), keyUsage: keyUsage(0x86) };
    await refuses(leaf, { chain: [node({ extensions: authority }), middle] });
    await refuses(leaf, { chain: [root] });
    await refuses(leaf, { chain: [node({ extensions: { keyUsage: keyUsage(0x84) } }), middle] });
    await refuses(leaf, { chain: [node({ extensions: { keyUsage: keyUsage(0x20) } }), middle] });
    await refuses(leaf, { chain: [node({ extensions: { keyUsage: undefined } }), middle] });
  });

  it("refuses keys that are weak, too long or of another kind, in the leaf and above it", async () => {
    const certificate = "ERR_X509POP_CERTIFICATE";
    for (const name of ["rsa-1024", "rsa-2048-exponent-3", "ec-p521", "ec-secp256k1"]) {
      await refuses(certificate, { chain: [node({ key: fixtureKey(name) }), middle], key: testKey("ec-p256") });
    }
    await refuses(certificate, { chain: [node({ key: testKey("ed25519") }), middle], key: testKey("ec-p256") });
    const long = { key: fixtureKey("rsa-4096") };
    await refuses(certificate, { chain: [node(long), middle], options: { maxRsaBits: 3072 } });
    await refuses(certificate, {
      chain: [node(), middle, craftCa({ subject: "Spare", ...long, signer: testKey("ec-p256") })],
      options: { maxRsaBits: 2048 },
    });
  });

  it("refuses no, too many or unreadable certificates before it parses more than it must", async () => {
    const certificate = "ERR_X509POP_CERTIFICATE";
    await refuses(certificate, { payload: encodeCertificates([]) });
    await refuses(certificate, { payload: Buffer.from("{}") });
    await refuses(certificate, { payload: encodeCertificates([Buffer.from("x")]) });
    await refuses(certificate, { payload: encodeCertificates([node().der, Buffer.from("x")]) });
    await refuses(certificate, { payload: encodeCertificates(Array.from({ length: 6 }, () => Buffer.from("x"))) });
    await refuses(certificate, { chain: [node(), middle], options: { maxIntermediates: 0 } });
    await attest({ chain: [node(), middle, root, root, root], options: { maxIntermediates: 4 } });
    for (const text of ["", "x", "[]", '{"certificates":{}}', '{"certificates":["*"]}', '{"certificates":[1]}']) {
      await refuses("ERR_MALFORMED_REQUEST", { payload: Buffer.from(text) });
    }
  });

  it("asks for the caller's address in the certificate when it is told to", async () => {
    const addresses = alternativeNames(
      false,
      [0x87, "\xc0\x00\x02\x07"],
      [0x87, `\x20\x01\x0d\xb8${"\0".repeat(11)}\x01`],
    );
    const chain = [node({ extensions: { alternativeNames: addresses } }), middle];
    const options = { verifiesClientIp: true };
    for (const address of ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1"]) await attest({ chain, options, address });
    for (const address of ["192.0.2.8", "2001:db8::2", "::ffff:192.0.2.8"]) {
      await refuses("ERR_X509POP_ADDRESS", { chain, options, address });
    }
    await refuses("ERR_X509POP_ADDRESS", { chain, options });
    await refuses("ERR_X509POP_ADDRESS", { options, address: "192.0.2.7" });
  });

  it("makes the path from the template, or refuses", async () => {
    const pathTemplate = AgentPathTemplate.parse("/x509pop/cn/{{ .Subject.CommonName }}");
    assert.equal((await attest({ options: { pathTemplate } })).path, "/x509pop/cn/host-1");
    for (const subject of ["", "..", ".", "a b", "ä", "a/../../join_token/x", "x".repeat(2_100)]) {
      const leaf = node({
        subject,
        extensions: { alternativeNames: alternativeNames(subject === "", [0x82, "h.example.org"]) },
      });
      await refuses("ERR_X509POP_PATH", { chain: [leaf, middle], options: { pathTemplate } });
    }
    await refuses("ERR_X509POP_CERTIFICATE", { chain: [node({ subject: "a\0b" }), middle] });
  });
});

describe("the x509pop attestor in mode spiffe", () => {
  const options: Partial<X509PopOptions> = {
    mode: { kind: "spiffe", svidPrefix: "/spire-exchange/" },
    pathTemplate: AgentPathTemplate.parse("/{{ .PluginName }}/{{ .SVIDPathTrimmed }}"),
  };
  const svid = (...uris: readonly string[]): Attempt => {
    const names = alternativeNames(false, ...uris.map((uri) => [0x86, uri] as const));
    return { chain: [node({ extensions: { alternativeNames: names } }), middle], options };
  };

  it("exchanges an SVID of the trust domain for the agent of the same path", async () => {
    const { path, selectors } = await attest(svid("spiffe://example.org/spire-exchange/rack/h1"));
    assert.equal(path, "/x509pop/rack/h1");
    assert.ok(selectors.includes("x509pop:subject:cn:host-1"));
  });

  it("refuses other prefixes, other trust domains, and what is no SVID", async () => {
    await refuses("ERR_X509POP_SVID_PREFIX", svid("spiffe://example.org/web"));
    await refuses("ERR_X509POP_SVID_PREFIX", svid("spiffe://example.org/spire-exchange"));
    await refuses("ERR_X509POP_LEAF", svid("spiffe://other.org/spire-exchange/h1"));
    await refuses("ERR_X509POP_LEAF", svid("https://example.org/spire-exchange/h1"));
    await refuses("ERR_X509POP_LEAF", svid("spiffe://example.org/spire-exchange/h1", "spiffe://example.org/x"));
    await refuses("ERR_X509POP_LEAF", { options });
  });
});

describe("the messages of x509pop", () => {
  it("are those that SPIRE writes", () => {
    const challenge = Buffer.from(
      `{"rsa_signature":null,"ecdsa_signature":{"nonce":"${Buffer.alloc(32, 1).toString("base64")}"}}`,
    );
    assert.deepEqual(decodeChallenge(challenge), { family: "ec", nonce: Buffer.alloc(32, 1) });
    const answer = Buffer.from('{"rsa_signature":{"nonce":"AQ==","signature":"Ag=="},"ecdsa_signature":null}');
    assert.deepEqual(decodeAnswer(answer), { family: "rsa", nonce: Buffer.of(1), signature: Buffer.of(2) });
  });
});
