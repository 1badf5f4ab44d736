import "reflect-metadata";
import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { describe, it } from "node:test";
import { Crypto } from "@peculiar/webcrypto";
import * as peculiar from "@peculiar/x509";
import { craftedNowMs } from "../test/fakes/crafted-certificate.ts";
import { testKey } from "../test/fakes/fixture-keys.ts";
import { issuedShapes, testAuthority } from "../test/fakes/issued-shapes.ts";
import { toHex } from "./bytes.ts";
import { verifyChain } from "./chain/verify-chain.ts";
import { publicKeyType } from "./keys/key-type.ts";
import { encodeSpki } from "./keys/spki.ts";
import { buildCsr } from "./x509/build-csr.ts";
import { Certificate } from "./x509/certificate.ts";
import { CertificateRequest } from "./x509/certificate-request.ts";

peculiar.cryptoProvider.set(new Crypto());

const nowMs = craftedNowMs;
const at = new Date(nowMs);
const shapes = issuedShapes(nowMs);
/** Keys of the same types that signed nothing here. */
const strangers: Readonly<Record<string, KeyObject>> = {
  "ec-p256": testKey("ec-p256"),
  "ec-p384": testKey("ec-p384"),
  "rsa-2048": testKey("rsa-2048-other"),
};

describe("Node and @peculiar/x509 agree with us on", () => {
  for (const { name, leaf, key, intermediates, roots, dnsName } of shapes) {
    const issuer = intermediates[0] ?? roots[0];

    it(name, async () => {
      const node = new X509Certificate(leaf.der);
      const nodeIssuer = new X509Certificate(issuer.der);
      assert.ok(node.checkIssued(nodeIssuer));
      assert.ok(node.verify(createPublicKey(nodeIssuer.publicKey.export({ type: "spki", format: "pem" }))));
      assert.ok(!node.verify(createPublicKey(testKey("ec-p256"))));
      assert.ok(node.checkPrivateKey(key));
      assert.equal(node.ca, false);
      assert.equal(nodeIssuer.ca, true);
      assert.equal(BigInt(`0x${node.serialNumber}`).toString(), leaf.serialNumber);
      assert.equal(node.subjectAltName?.includes(`URI:${leaf.uriSans[0]}`), true);
      if (dnsName !== undefined) assert.equal(node.checkHost(dnsName), dnsName);

      const theirs = new peculiar.X509Certificate(leaf.der);
      const theirIssuer = new peculiar.X509Certificate(issuer.der);
      assert.equal(await theirs.verify({ publicKey: theirIssuer.publicKey, date: at }), true);
      const wrongKey = new peculiar.PublicKey(encodeSpki(strangers[publicKeyType(issuer.publicKey())] ?? key));
      assert.equal(await theirs.verify({ publicKey: wrongKey, signatureOnly: true }), false);
      assert.equal(theirs.notAfter.getTime(), leaf.notAfter);
      assert.deepEqual(theirs.getExtension(peculiar.BasicConstraintsExtension)?.ca, false);
      assert.equal(theirs.getExtension(peculiar.AuthorityKeyIdentifierExtension)?.keyId, issuer.subjectKeyId);
      const names = theirs.getExtension(peculiar.SubjectAlternativeNameExtension)?.names.items ?? [];
      assert.deepEqual(
        names.filter(({ type }) => type === "url").map(({ value }) => value),
        leaf.uriSans,
      );
      assert.deepEqual(
        names.filter(({ type }) => type === "dns").map(({ value }) => value),
        leaf.dnsSans,
      );
      const keyId = await peculiar.SubjectKeyIdentifierExtension.create(theirs.publicKey);
      assert.equal(keyId.keyId, leaf.subjectKeyId);
    });

    // One role under each authority: @peculiar/x509 takes its time.
    if (!name.startsWith("agent")) continue;
    it(`${name}, with both orders of the bundle`, async () => {
      for (const bundle of [roots, roots.toReversed()]) {
        const path = verifyChain({ leaf, intermediates, roots: bundle, atMs: nowMs, usage: "server" });
        const certificates = [...intermediates, ...bundle].map(({ der }) => new peculiar.X509Certificate(der));
        const chain = await new peculiar.X509ChainBuilder({ certificates }).build(
          new peculiar.X509Certificate(leaf.der),
        );
        assert.deepEqual(
          Array.from(chain, ({ rawData }) => toHex(new Uint8Array(rawData))),
          path.map(({ der }) => toHex(der)),
        );
      }
    });
  }
});

describe("@peculiar/x509 and we read each other's", () => {
  const crypto = new Crypto();
  const ec = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

  it("certificate requests", async () => {
    for (const type of ["ec-p256", "ec-p384", "rsa-2048"]) {
      const csr = buildCsr({ key: testKey(type), uriSans: ["spiffe://a.test/x"], dnsSans: ["a.test"] });
      const theirs = new peculiar.Pkcs10CertificateRequest(csr);
      assert.equal(await theirs.verify(), true);
      const names = theirs.getExtension("2.5.29.17");
      assert.ok(names instanceof peculiar.SubjectAlternativeNameExtension);
      assert.equal(names.names.items.length, 2);
      csr[csr.length - 1] = (csr.at(-1) ?? 0) ^ 1;
      assert.equal(await new peculiar.Pkcs10CertificateRequest(csr).verify(), false);
    }
    const keys = await crypto.subtle.generateKey(ec, true, ["sign", "verify"]);
    const names = new peculiar.SubjectAlternativeNameExtension([{ type: "url", value: "spiffe://a.test/x" }]);
    const request = await peculiar.Pkcs10CertificateRequestGenerator.create({
      name: "CN=x, O=y",
      keys,
      signingAlgorithm: ec,
      extensions: [names],
      attributes: [new peculiar.ChallengePasswordAttribute("secret")],
    });
    const ours = CertificateRequest.parse(new Uint8Array(request.rawData));
    assert.deepEqual(ours.uriSans, ["spiffe://a.test/x"]);
    assert.equal(ours.hasValidSignature(), true);
  });

  it("certificates with constraints and policies", async () => {
    const keys = await crypto.subtle.generateKey(ec, true, ["sign", "verify"]);
    const theirs = await peculiar.X509CertificateGenerator.createSelfSigned({
      serialNumber: "0a0b",
      name: "CN=Root, O=Über",
      notBefore: at,
      notAfter: new Date(nowMs + 1000),
      keys,
      signingAlgorithm: ec,
      extensions: [
        new peculiar.BasicConstraintsExtension(true, 3, true),
        new peculiar.KeyUsagesExtension(peculiar.KeyUsageFlags.keyCertSign | peculiar.KeyUsageFlags.cRLSign, true),
        await peculiar.SubjectKeyIdentifierExtension.create(keys.publicKey),
        new peculiar.CertificatePolicyExtension(["1.2.3.4"], true),
      ],
    });
    const ours = Certificate.parse(new Uint8Array(theirs.rawData));
    assert.equal(ours.pathLength, 3);
    assert.equal(ours.serialNumber, "2571");
    assert.equal(ours.subjectText(), "O=Über,CN=Root");
    assert.deepEqual([...(ours.keyUsage ?? [])], ["keyCertSign", "cRLSign"]);
    assert.deepEqual(ours.unhandledCritical, ["2.5.29.32"]);
    assert.ok(ours.isSignedBy(ours));
  });

  it("authorities of each kind", async () => {
    for (const type of ["ec-p256", "ec-p384", "rsa-2048"]) {
      const root = testAuthority(type, { nowMs, pathLength: 1 });
      const node = new X509Certificate(root.certificate.der);
      assert.ok(node.ca && node.checkIssued(node) && node.verify(node.publicKey));
      assert.ok(node.checkPrivateKey(createPrivateKey(root.key.export({ type: "pkcs8", format: "pem" }))));
      const theirs = new peculiar.X509Certificate(root.certificate.der);
      assert.equal(await theirs.isSelfSigned(), true);
      assert.equal(theirs.getExtension(peculiar.BasicConstraintsExtension)?.pathLength, 1);
      assert.equal(theirs.getExtension(peculiar.KeyUsagesExtension)?.critical, true);
      assert.equal(theirs.subject.includes(root.certificate.serialNumber), true);
    }
  });
});
