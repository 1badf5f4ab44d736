import assert from "node:assert/strict";
import { createHash, createPublicKey, type KeyObject, sign } from "node:crypto";
import { describe, it } from "node:test";
import { alternativeNames, craftedExtension, craftedName } from "../../test/fakes/crafted-certificate.ts";
import { fixtureKey, testKey } from "../../test/fakes/fixture-keys.ts";
import { toHex } from "../bytes.ts";
import { DerWriter } from "../der/writer.ts";
import { encodeSpki } from "../keys/spki.ts";
import { certsLimits } from "../limits.ts";
import { buildCsr } from "./build-csr.ts";
import { CertificateRequest } from "./certificate-request.ts";

const uri = "spiffe://a.test/x";

interface CsrFaults {
  readonly version?: number;
  readonly attributes?: readonly Uint8Array[];
  readonly noAttributes?: boolean;
  readonly signer?: KeyObject;
  readonly spki?: Uint8Array;
  readonly algorithm?: string;
  readonly tail?: boolean;
}

function craftCsr(faults: CsrFaults = {}): Uint8Array {
  const key = testKey("ec-p256");
  const sorted = new DerWriter().setOf(faults.attributes ?? []).toBytes();
  const info = new DerWriter()
    .sequence((w) => {
      w.smallInteger(faults.version ?? 0)
        .raw(craftedName("x"))
        .raw(faults.spki ?? encodeSpki(key));
      if (faults.noAttributes !== true) w.element(0xa0, sorted.subarray(sorted[1] === 0x81 ? 3 : 2));
      if (faults.tail === true) w.null();
    })
    .toBytes();
  const signature = sign("sha256", info, faults.signer ?? key);
  return new DerWriter()
    .sequence((w) =>
      w
        .raw(info)
        .sequence((a) => a.oid(faults.algorithm ?? "1.2.840.10045.4.3.2"))
        .bitString(signature),
    )
    .toBytes();
}

function attribute(type: string, ...values: readonly Uint8Array[]): Uint8Array {
  return new DerWriter().sequence((w) => w.oid(type).setOf(values)).toBytes();
}

const extensionRequest = "1.2.840.113549.1.9.14";
const extensions = (...list: readonly Uint8Array[]): Uint8Array =>
  new DerWriter()
    .sequence((w) => {
      for (const extension of list) w.raw(extension);
    })
    .toBytes();

describe("buildCsr() and CertificateRequest", () => {
  for (const type of ["ec-p256", "ec-p384", "rsa-2048", "rsa-4096", "ed25519"]) {
    it(`agree on a request for ${type}`, () => {
      const key = testKey(type);
      const csr = CertificateRequest.parse(buildCsr({ key, uriSans: [uri], dnsSans: ["a.test", "*.b.test"] }));
      assert.deepEqual(csr.uriSans, [uri]);
      assert.deepEqual(csr.dnsSans, ["a.test", "*.b.test"]);
      assert.equal(csr.subjectText(), "O=SPIRE,C=US");
      assert.deepEqual(csr.spkiDer, encodeSpki(key));
      assert.ok(csr.publicKey().equals(createPublicKey(key)));
      assert.equal(csr.hasValidSignature(), true);
    });
  }

  it("a request without names is the one SPIRE's agent sends", () => {
    const csr = CertificateRequest.parse(buildCsr({ key: testKey("ec-p256") }));
    assert.equal(csr.extensions.size, 0);
    assert.ok(toHex(csr.der).includes("a000300a06082a8648ce3d040302"));
  });

  it("a subject of one's own, and none", () => {
    const subject = (csr: Uint8Array): string => CertificateRequest.parse(csr).subjectText();
    assert.equal(subject(buildCsr({ key: testKey("ec-p256"), subject: { commonName: "x" } })), "CN=x");
    assert.equal(subject(buildCsr({ key: testKey("ec-p256"), subject: {} })), "");
  });
});

describe("CertificateRequest", () => {
  it("takes other attributes and extensions, and reads past them", () => {
    const csr = CertificateRequest.parse(
      craftCsr({
        attributes: [
          attribute("1.2.840.113549.1.9.7", new DerWriter().utf8String("secret").toBytes()),
          attribute(
            extensionRequest,
            extensions(alternativeNames(false, [0x86, uri]), craftedExtension("1.2.3", true, new DerWriter().null())),
          ),
        ],
      }),
    );
    assert.deepEqual(csr.uriSans, [uri]);
    assert.equal(csr.extensions.get("1.2.3")?.critical, true);
    assert.equal(csr.hasValidSignature(), true);
  });

  it("is not proof of possession when another key signed it, or its bytes changed", () => {
    assert.equal(CertificateRequest.parse(craftCsr({ signer: testKey("ec-p256") })).hasValidSignature(), false);
    const der = buildCsr({ key: testKey("ec-p256"), uriSans: [uri] });
    const changed = der.slice();
    changed[Buffer.from(changed).indexOf(uri) + uri.length - 1] = "y".charCodeAt(0);
    assert.deepEqual(CertificateRequest.parse(changed).uriSans, ["spiffe://a.test/y"]);
    assert.equal(CertificateRequest.parse(changed).hasValidSignature(), false);
    assert.equal(CertificateRequest.parse(der).hasValidSignature(), true);
  });

  it("is not proof of possession under an algorithm that is refused or does not fit the key", () => {
    for (const algorithm of ["1.2.840.10045.4.1", "1.3.101.112"]) {
      assert.equal(CertificateRequest.parse(craftCsr({ algorithm })).hasValidSignature(), false);
    }
  });

  it("refuses weak keys when they are used, and keeps what it was given", () => {
    const spki = createPublicKey(fixtureKey("rsa-1024")).export({ type: "spki", format: "der" });
    const der = craftCsr({ spki });
    const csr = CertificateRequest.parse(der);
    const digest = createHash("sha256").update(der).digest("hex");
    der.fill(0);
    assert.equal(createHash("sha256").update(csr.der).digest("hex"), digest);
    assert.throws(() => csr.hasValidSignature(), { code: "ERR_KEY_UNSUPPORTED" });
    assert.throws(() => csr.publicKey(), { code: "ERR_KEY_UNSUPPORTED" });
  });

  it("refuses a point that is not on the curve when the key is used", () => {
    const spki = encodeSpki(testKey("ec-p256"));
    spki[90] = (spki[90] ?? 0) ^ 1;
    const csr = CertificateRequest.parse(craftCsr({ spki }));
    assert.throws(() => csr.hasValidSignature(), { code: "ERR_KEY_INVALID" });
    assert.throws(() => csr.publicKey(), { code: "ERR_KEY_INVALID" });
  });

  const request = attribute(extensionRequest, extensions(alternativeNames(false, [0x86, uri])));
  const other = attribute(extensionRequest, extensions(alternativeNames(false, [0x86, "spiffe://a.test/y"])));
  const malformed: Readonly<Record<string, readonly [CsrFaults, string]>> = {
    "another version": [{ version: 1 }, "ERR_CSR_MALFORMED"],
    "two extension requests": [{ attributes: [request, other] }, "ERR_CSR_MALFORMED"],
    "an extension request without value": [{ attributes: [attribute(extensionRequest)] }, "ERR_CSR_MALFORMED"],
    "an extension request with two values": [
      {
        attributes: [
          attribute(
            extensionRequest,
            extensions(alternativeNames(false, [0x86, uri])),
            extensions(alternativeNames(false, [0x82, "a.test"])),
          ),
        ],
      },
      "ERR_CSR_MALFORMED",
    ],
    "the same extension twice": [
      {
        attributes: [
          attribute(
            extensionRequest,
            extensions(alternativeNames(false, [0x86, uri]), alternativeNames(false, [0x86, uri])),
          ),
        ],
      },
      "ERR_DER_UNEXPECTED",
    ],
    "no attributes field": [{ noAttributes: true }, "ERR_DER_TRUNCATED"],
    "something behind the attributes": [{ tail: true }, "ERR_DER_TRAILING_DATA"],
  };
  for (const [name, [faults, code]] of Object.entries(malformed)) {
    it(`refuses ${name}`, () => {
      assert.throws(() => CertificateRequest.parse(craftCsr(faults)), { name: "CertsError", code });
    });
  }

  it("refuses more bytes than the limit, and bytes behind the request", () => {
    assert.throws(() => CertificateRequest.parse(new Uint8Array(certsLimits.csrBytes.value + 1)), {
      code: "ERR_DER_TOO_LARGE",
    });
    const der = buildCsr({ key: testKey("ec-p256") });
    assert.throws(() => CertificateRequest.parse(Buffer.concat([der, Buffer.of(0)])), {
      code: "ERR_DER_TRAILING_DATA",
    });
  });
});
