import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  authorityKeyId,
  basicConstraints,
  type Crafted,
  type CraftedOptions,
  craftCa,
  craftedExtension,
  craftedNowMs,
  craftLeaf,
  extendedKeyUsage,
  keyUsage,
} from "../../test/fakes/crafted-certificate.ts";
import { fixtureKey, testKey } from "../../test/fakes/fixture-keys.ts";
import { DerWriter } from "../der/writer.ts";
import { certsLimits } from "../limits.ts";
import { Certificate } from "../x509/certificate.ts";
import { type ChainRequest, verifyChain, verifyChains } from "./verify-chain.ts";

const hourMs = 3_600_000;
const root = craftCa({ subject: "Root" });
const middle = craftCa({ subject: "Middle", issuer: root });
const leaf = craftLeaf({ issuer: middle });

const parse = (crafted: Crafted): Certificate => Certificate.parse(crafted.der);

function verify(
  leafCertificate: Crafted,
  intermediates: readonly Crafted[],
  roots: readonly Crafted[],
  options: Partial<ChainRequest> = {},
): readonly string[] {
  const path = verifyChain({
    leaf: parse(leafCertificate),
    intermediates: intermediates.map(parse),
    roots: roots.map(parse),
    atMs: craftedNowMs,
    usage: "client",
    ...options,
  });
  return path.map((certificate) => certificate.subjectText());
}

function refuses(code: string, ...args: Parameters<typeof verify>): void {
  assert.throws(() => verify(...args), { name: "CertsError", code });
}

describe("verifyChain() accepts", () => {
  const path = ["CN=Test leaf", "CN=Middle", "CN=Root"];

  it("a leaf under an intermediate under a root, for each usage", () => {
    for (const usage of ["client", "server", "any"] as const) {
      assert.deepEqual(verify(leaf, [middle], [root], { usage }), path);
    }
  });

  it("both orders of a bundle with two roots, and of intermediates with superfluous ones", () => {
    const next = craftCa({ subject: "Next root" });
    const nextLeaf = craftLeaf({ issuer: next });
    for (const roots of [
      [root, next],
      [next, root],
    ]) {
      assert.deepEqual(verify(leaf, [middle], roots), path);
      assert.deepEqual(verify(nextLeaf, [], roots), ["CN=Test leaf", "CN=Next root"]);
    }
    assert.deepEqual(verify(leaf, [next, middle], [root]), path);
    assert.deepEqual(verify(leaf, [middle, next, middle, leaf], [root]), path);
  });

  it("two roots of one name, told apart by key id or, without one, by signature", () => {
    const twin = craftCa({ subject: "Root" });
    assert.deepEqual(verify(leaf, [middle], [twin, root]), path);
    const bare = craftLeaf({ issuer: root, extensions: { authorityKeyId: undefined } });
    assert.deepEqual(verify(bare, [], [twin, root]), ["CN=Test leaf", "CN=Root"]);
  });

  it("an intermediate that is itself an anchor, without its own root", () => {
    assert.deepEqual(verify(leaf, [], [middle]), ["CN=Test leaf", "CN=Middle"]);
  });

  it("the first and the last instant of validity", () => {
    const { notBefore, notAfter } = parse(leaf);
    assert.equal(verify(leaf, [middle], [root], { atMs: notBefore }).length, 3);
    assert.equal(verify(leaf, [middle], [root], { atMs: notAfter }).length, 3);
  });

  it("an anchor without key usage, as plain openssl makes them", () => {
    const bare = craftCa({ extensions: { keyUsage: undefined } });
    assert.equal(verify(craftLeaf({ issuer: bare }), [], [bare]).length, 2);
  });

  it("an anchor whose self-signature is of a refused algorithm: it proves nothing anyway", () => {
    const sha1 = new DerWriter().sequence((w) => w.oid("1.2.840.10045.4.1")).toBytes();
    const old = craftCa({ hash: "sha1", algorithm: sha1 });
    assert.equal(verify(craftLeaf({ issuer: old }), [], [old]).length, 2);
  });

  it("anyExtendedKeyUsage, and no extended key usage at all", () => {
    const any = craftLeaf({ issuer: root, extensions: { extendedKeyUsage: extendedKeyUsage("2.5.29.37.0") } });
    const none = craftLeaf({ issuer: root, extensions: { extendedKeyUsage: undefined } });
    assert.equal(verify(any, [], [root]).length, 2);
    assert.equal(verify(none, [], [root]).length, 2);
  });

  it("an authority as the leaf for usage any, also when it is the anchor", () => {
    assert.deepEqual(verify(middle, [], [root], { usage: "any" }), ["CN=Middle", "CN=Root"]);
    assert.deepEqual(verify(root, [], [root], { usage: "any" }), ["CN=Root"]);
  });

  it("exactly as many authorities below as the path length allows, self-issued ones not counted", () => {
    const top = craftCa({ subject: "Top", extensions: { basicConstraints: basicConstraints(true, 1) } });
    const one = craftCa({ subject: "One", issuer: top, extensions: { basicConstraints: basicConstraints(true, 0) } });
    const rollover = craftCa({ subject: "One", issuer: one });
    assert.equal(verify(craftLeaf({ issuer: one }), [one], [top]).length, 3);
    assert.equal(verify(craftLeaf({ issuer: rollover }), [one, rollover], [top]).length, 4);
  });
});

describe("verifyChain() refuses", () => {
  const issued = (options: CraftedOptions): Crafted => craftLeaf({ issuer: root, ...options });

  it("a chain of another root, and any chain when there is no root", () => {
    refuses("ERR_CHAIN_UNTRUSTED", leaf, [middle], [craftCa({ subject: "Stranger" })]);
    refuses("ERR_CHAIN_UNTRUSTED", leaf, [middle], []);
    refuses("ERR_CHAIN_UNTRUSTED", leaf, [], [root]);
    refuses("ERR_CHAIN_UNTRUSTED", leaf, [middle, root], []);
  });

  it("a forged authority of the same name, whatever key id it claims", () => {
    const forged = craftCa({ subject: "Root" });
    refuses("ERR_CHAIN_KEY_ID_MISMATCH", craftLeaf({ issuer: forged }), [], [root]);
    refuses("ERR_CHAIN_KEY_ID_MISMATCH", craftLeaf({ issuer: forged }), [forged], [root]);
    const copied = craftLeaf({ issuer: forged, extensions: { authorityKeyId: authorityKeyId(root.keyId) } });
    refuses("ERR_CHAIN_SIGNATURE_INVALID", copied, [], [root]);
    const silent = craftLeaf({ issuer: forged, extensions: { authorityKeyId: undefined } });
    refuses("ERR_CHAIN_SIGNATURE_INVALID", silent, [], [root]);
  });

  it("the right signature under a wrong authority key id", () => {
    refuses(
      "ERR_CHAIN_KEY_ID_MISMATCH",
      issued({ extensions: { authorityKeyId: authorityKeyId(middle.keyId) } }),
      [],
      [root],
    );
  });

  it("signed bytes that were changed", () => {
    const changed = leaf.der.slice();
    const at = Buffer.from(changed).indexOf("spiffe://a.test/x") + 16;
    changed[at] = "y".charCodeAt(0);
    assert.deepEqual(Certificate.parse(changed).uriSans, ["spiffe://a.test/y"]);
    refuses("ERR_CHAIN_SIGNATURE_INVALID", { ...leaf, der: changed }, [middle], [root]);
  });

  it("an expired leaf, intermediate or root, a millisecond late", () => {
    const past = { notBeforeMs: craftedNowMs - 2 * hourMs, notAfterMs: craftedNowMs - 1000 };
    refuses("ERR_CHAIN_EXPIRED", issued(past), [], [root]);
    const oldMiddle = craftCa({ subject: "Old", issuer: root, ...past });
    refuses("ERR_CHAIN_EXPIRED", craftLeaf({ issuer: oldMiddle }), [oldMiddle], [root]);
    const oldRoot = craftCa(past);
    refuses("ERR_CHAIN_EXPIRED", craftLeaf({ issuer: oldRoot }), [], [oldRoot]);
    refuses("ERR_CHAIN_EXPIRED", leaf, [middle], [root], { atMs: parse(leaf).notAfter + 1 });
  });

  it("a leaf, intermediate or root that is not valid yet", () => {
    const future = { notBeforeMs: craftedNowMs + 1000, notAfterMs: craftedNowMs + hourMs };
    refuses("ERR_CHAIN_NOT_YET_VALID", issued(future), [], [root]);
    const newMiddle = craftCa({ subject: "New", issuer: root, ...future });
    refuses("ERR_CHAIN_NOT_YET_VALID", craftLeaf({ issuer: newMiddle }), [newMiddle], [root]);
    const newRoot = craftCa(future);
    refuses("ERR_CHAIN_NOT_YET_VALID", craftLeaf({ issuer: newRoot }), [], [newRoot]);
  });

  it("an extended key usage of another role, on the leaf or above it", () => {
    const serverOnly = { extensions: { extendedKeyUsage: extendedKeyUsage("1.3.6.1.5.5.7.3.1") } };
    refuses("ERR_CHAIN_EXTENDED_KEY_USAGE", issued(serverOnly), [], [root]);
    assert.equal(verify(issued(serverOnly), [], [root], { usage: "server" }).length, 2);
    assert.equal(verify(issued(serverOnly), [], [root], { usage: "any" }).length, 2);
    const clientOnly = { extensions: { extendedKeyUsage: extendedKeyUsage("1.3.6.1.5.5.7.3.2") } };
    refuses("ERR_CHAIN_EXTENDED_KEY_USAGE", issued(clientOnly), [], [root], { usage: "server" });
    const narrow = craftCa({ subject: "Narrow", issuer: root, ...serverOnly });
    refuses("ERR_CHAIN_EXTENDED_KEY_USAGE", craftLeaf({ issuer: narrow }), [narrow], [root]);
  });

  it("a leaf that signs another", () => {
    const signer = craftLeaf({ subject: "Signer", issuer: root });
    refuses("ERR_CHAIN_ISSUER_NOT_CA", craftLeaf({ issuer: signer }), [signer], [root]);
    const claims = craftLeaf({ subject: "Claims", issuer: root, extensions: { keyUsage: keyUsage(0x84) } });
    refuses("ERR_CHAIN_ISSUER_NOT_CA", craftLeaf({ issuer: claims }), [claims], [root]);
    const anchor = craftLeaf({ subject: "Anchor" });
    refuses("ERR_CHAIN_ISSUER_NOT_CA", craftLeaf({ issuer: anchor }), [], [anchor]);
    refuses("ERR_CHAIN_ISSUER_NOT_CA", anchor, [], [anchor], { usage: "any" });
  });

  it("an authority that authenticates itself", () => {
    refuses("ERR_CHAIN_LEAF_IS_CA", root, [], [root]);
    refuses("ERR_CHAIN_LEAF_IS_CA", middle, [], [root], { usage: "server" });
    refuses("ERR_CHAIN_LEAF_IS_CA", issued({ extensions: { keyUsage: keyUsage(0x84) } }), [], [root]);
    refuses("ERR_CHAIN_LEAF_IS_CA", issued({ extensions: { keyUsage: keyUsage(0x82) } }), [], [root]);
  });

  it("a leaf without digitalSignature, and an intermediate without keyCertSign", () => {
    refuses("ERR_CHAIN_KEY_USAGE", issued({ extensions: { keyUsage: undefined } }), [], [root]);
    refuses("ERR_CHAIN_KEY_USAGE", issued({ extensions: { keyUsage: keyUsage(0x08) } }), [], [root]);
    for (const usage of [undefined, keyUsage(0x80)]) {
      const mute = craftCa({ subject: "Mute", issuer: root, extensions: { keyUsage: usage } });
      refuses("ERR_CHAIN_KEY_USAGE", craftLeaf({ issuer: mute }), [mute], [root]);
    }
    const wrongRoot = craftCa({ extensions: { keyUsage: keyUsage(0x02) } });
    refuses("ERR_CHAIN_KEY_USAGE", craftLeaf({ issuer: wrongRoot }), [], [wrongRoot]);
  });

  it("one authority more than the path length allows", () => {
    const top = craftCa({ subject: "Top", extensions: { basicConstraints: basicConstraints(true, 0) } });
    const below = craftCa({ subject: "Below", issuer: top });
    refuses("ERR_CHAIN_PATH_LENGTH", craftLeaf({ issuer: below }), [below], [top]);
    const short = craftCa({
      subject: "Short",
      issuer: root,
      extensions: { basicConstraints: basicConstraints(true, 0) },
    });
    const under = craftCa({ subject: "Under", issuer: short });
    refuses("ERR_CHAIN_PATH_LENGTH", craftLeaf({ issuer: under }), [under, short], [root]);
  });

  it("a critical extension that nobody processes, on the leaf or above it; the same not critical passes", () => {
    const policy = (critical: boolean): Uint8Array => craftedExtension("2.5.29.36", critical, new DerWriter().null());
    refuses("ERR_CHAIN_CRITICAL_EXTENSION", issued({ extensions: { policy: policy(true) } }), [], [root]);
    assert.equal(verify(issued({ extensions: { policy: policy(false) } }), [], [root]).length, 2);
    const strict = craftCa({ subject: "Strict", extensions: { policy: policy(true) } });
    refuses("ERR_CHAIN_CRITICAL_EXTENSION", craftLeaf({ issuer: strict }), [], [strict]);
  });

  it("SHA-1 and MD5 signatures, and RSA-PSS", () => {
    const identifiers = [
      { id: "1.2.840.113549.1.1.5", hash: "sha1" },
      { id: "1.2.840.113549.1.1.4", hash: "md5" },
      { id: "1.2.840.113549.1.1.10", hash: "sha256" },
    ];
    const rsaRoot = craftCa({ key: fixtureKey("rsa-2048") });
    for (const { id, hash } of identifiers) {
      const algorithm = new DerWriter().sequence((w) => w.oid(id).null()).toBytes();
      refuses("ERR_CHAIN_SIGNATURE_ALGORITHM", craftLeaf({ issuer: rsaRoot, algorithm, hash }), [], [rsaRoot]);
    }
    const ecdsaSha1 = new DerWriter().sequence((w) => w.oid("1.2.840.10045.4.1")).toBytes();
    refuses("ERR_CHAIN_SIGNATURE_ALGORITHM", issued({ algorithm: ecdsaSha1, hash: "sha1" }), [], [root]);
    const sha256 = new DerWriter().sequence((w) => w.oid("1.2.840.113549.1.1.11").null()).toBytes();
    assert.equal(verify(craftLeaf({ issuer: rsaRoot, algorithm: sha256 }), [], [rsaRoot]).length, 2);
  });

  it("an authority with a weak key, an unusual exponent or another curve", () => {
    const rsaSha256 = new DerWriter().sequence((w) => w.oid("1.2.840.113549.1.1.11").null()).toBytes();
    for (const name of ["rsa-1024", "rsa-2048-exponent-3", "ec-p521", "ec-p256-explicit"]) {
      const algorithm = name.startsWith("rsa") ? { algorithm: rsaSha256 } : {};
      const weak = craftCa({ key: fixtureKey(name) });
      refuses("ERR_CHAIN_KEY_UNSUPPORTED", craftLeaf({ issuer: weak, ...algorithm }), [], [weak]);
    }
  });

  it("a signature whose algorithm does not fit the authority's key", () => {
    const other = craftCa({ subject: "Root", key: testKey("ed25519"), signer: testKey("ec-p256") });
    const confused = craftLeaf({ issuer: other, signer: testKey("ec-p256") });
    refuses("ERR_CHAIN_SIGNATURE_INVALID", confused, [], [other]);
  });

  it("a loop of authorities that sign each other", () => {
    const a = craftCa({ subject: "A" });
    const b = craftCa({ subject: "B" });
    const aByB = craftCa({ subject: "A", key: a.key, issuer: b });
    const bByA = craftCa({ subject: "B", key: b.key, issuer: a });
    refuses("ERR_CHAIN_UNTRUSTED", craftLeaf({ issuer: a }), [aByB, bByA], [root]);
    // The same loop with a way out is found.
    assert.equal(verify(craftLeaf({ issuer: a }), [aByB, bByA], [b]).length, 3);
  });
});

describe("verifyChain() is bounded", () => {
  function tower(height: number): {
    readonly top: Crafted;
    readonly intermediates: readonly Crafted[];
    readonly leaf: Crafted;
  } {
    const all: Crafted[] = [craftCa({ subject: "Level 0" })];
    for (let i = 1; i <= height; i++) {
      const issuer = all.at(-1);
      all.push(craftCa({ subject: `Level ${i}`, ...(issuer === undefined ? {} : { issuer }) }));
    }
    const [top = root, ...intermediates] = all;
    return { top, intermediates, leaf: craftLeaf({ issuer: intermediates.at(-1) ?? top }) };
  }

  it("a path of as many certificates as the depth limit passes, one more does not", () => {
    const most = tower(certsLimits.chainDepth.value - 2);
    assert.equal(verify(most.leaf, most.intermediates, [most.top]).length, certsLimits.chainDepth.value);
    const tooMany = tower(certsLimits.chainDepth.value - 1);
    refuses("ERR_CHAIN_TOO_LONG", tooMany.leaf, tooMany.intermediates, [tooMany.top]);
    assert.equal(verify(tooMany.leaf, tooMany.intermediates, [tooMany.top], { maxDepth: 9 }).length, 9);
    refuses("ERR_CHAIN_TOO_LONG", leaf, [middle], [root], { maxDepth: 2 });
  });

  it("as many intermediates and roots as the limits pass, one more does not", () => {
    const stranger = craftCa({ subject: "Stranger" });
    const fill = (count: number): Crafted[] => Array.from({ length: count }, () => stranger);
    const { chainIntermediates, chainRoots } = certsLimits;
    assert.equal(verify(leaf, [...fill(chainIntermediates.value - 1), middle], [root]).length, 3);
    refuses("ERR_CHAIN_TOO_LONG", leaf, [...fill(chainIntermediates.value), middle], [root]);
    const parsed = parse(stranger);
    const roots = (count: number): Certificate[] => [...Array.from({ length: count }, () => parsed), parse(root)];
    assert.equal(verify(leaf, [middle], [], { roots: roots(chainRoots.value - 1) }).length, 3);
    refuses("ERR_CHAIN_TOO_LONG", leaf, [middle], [], { roots: roots(chainRoots.value) });
  });

  it("a maze of authorities of one name ends at the budget of signature checks", () => {
    // Every one could have issued every other, by name; none has key ids that would tell them apart.
    const key = testKey("ec-p256");
    const bare = { subjectKeyId: undefined, authorityKeyId: undefined };
    const maze = Array.from({ length: certsLimits.chainIntermediates.value }, (_, i) =>
      craftCa({ subject: "Maze", issuerName: "Maze", signer: key, extensions: bare, serial: Uint8Array.of(i + 1) }),
    );
    const twins = maze.map((crafted) => ({ ...crafted, key }));
    const [issuer] = twins;
    const lost = craftLeaf({ ...(issuer === undefined ? {} : { issuer }), extensions: { authorityKeyId: undefined } });
    const manyRoots = Array.from({ length: 8 }, () => craftCa({ subject: "Maze", extensions: bare }));
    refuses("ERR_CHAIN_TOO_COMPLEX", lost, twins, manyRoots);
  });
});

describe("verifyChains()", () => {
  const request = (intermediates: readonly Crafted[], roots: readonly Crafted[]): ChainRequest => ({
    leaf: parse(leaf),
    intermediates: intermediates.map(parse),
    roots: roots.map(parse),
    atMs: craftedNowMs,
    usage: "client",
  });
  const texts = (...args: Parameters<typeof request>): readonly string[] =>
    verifyChains(request(...args)).map((path) => path.map((certificate) => certificate.subjectText()).join(" < "));

  it("finds every path of a cross-signed authority, and one where there is one", () => {
    const other = craftCa({ subject: "Other", key: testKey("ec-p256") });
    const cross = craftCa({ subject: "Middle", issuer: other, key: middle.key });
    assert.deepEqual(texts([middle, cross], [root, other]), [
      "CN=Test leaf < CN=Middle < CN=Root",
      "CN=Test leaf < CN=Middle < CN=Other",
    ]);
    assert.deepEqual(texts([middle, cross], [root]), ["CN=Test leaf < CN=Middle < CN=Root"]);
    assert.deepEqual(texts([root, middle], [root]), ["CN=Test leaf < CN=Middle < CN=Root"]);
  });

  it("refuses what verifyChain refuses", () => {
    assert.throws(() => texts([], [root]), { code: "ERR_CHAIN_UNTRUSTED" });
  });
});
