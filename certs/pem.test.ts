import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { craftCa, craftLeaf } from "../test/fakes/crafted-certificate.ts";
import { fixtureKey } from "../test/fakes/fixture-keys.ts";
import { CertsError } from "./errors.ts";
import { encodePkcs8 } from "./keys/pkcs8.ts";
import { certsLimits } from "./limits.ts";
import { decodePem, encodePem, parsePemCertificates } from "./pem.ts";

const malformed = { name: "CertsError", code: "ERR_PEM_MALFORMED" };

describe("PEM", () => {
  it("is written as OpenSSL writes it", () => {
    const key = fixtureKey("rsa-2048");
    assert.equal(encodePem("PRIVATE KEY", encodePkcs8(key)), key.export({ type: "pkcs8", format: "pem" }));
  });

  it("is read back as it was written, whatever the bytes and line ends", () => {
    const block = fc.uint8Array({ minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(fc.array(block, { minLength: 1, maxLength: 4 }), fc.constantFrom("\n", "\r\n"), (blocks, lineEnd) => {
        const text = blocks
          .map((bytes) => encodePem("X", bytes))
          .join("some text\n")
          .replaceAll("\n", lineEnd);
        assert.deepEqual(decodePem(text, "X"), blocks);
      }),
    );
  });

  it("holds certificates in order; other blocks and text between them are skipped", () => {
    const [ca, leaf] = [craftCa().der, craftLeaf().der];
    const text = `Subject: x\n${encodePem("CERTIFICATE", leaf)}${encodePem("PRIVATE KEY", Uint8Array.of(1))}# root\n${encodePem("CERTIFICATE", ca)}`;
    assert.deepEqual(
      parsePemCertificates(text).map(({ der }) => der),
      [leaf, ca],
    );
    assert.throws(() => decodePem(text, "PUBLIC KEY"), { code: "ERR_PEM_EMPTY" });
    assert.throws(() => parsePemCertificates(""), { code: "ERR_PEM_EMPTY" });
    assert.throws(() => parsePemCertificates(encodePem("CERTIFICATE", Uint8Array.of(5, 0))), {
      code: "ERR_DER_UNEXPECTED",
    });
  });

  const faults = {
    "a block without end": "-----BEGIN X-----\nAAAA\n",
    "a block with another end": "-----BEGIN X-----\nAAAA\n-----END Y-----\n",
    "a label without end": "-----BEGIN X\nAAAA",
    "a label over two lines": "-----BEGIN X\n-----\nAAAA\n-----END X\n-----",
    "an empty block": "-----BEGIN X-----\n-----END X-----\n",
    "missing padding": "-----BEGIN X-----\nAAA\n-----END X-----\n",
    "bits behind the padding": "-----BEGIN X-----\nAAB=\n-----END X-----\n",
    base64url: "-----BEGIN X-----\n-_-_\n-----END X-----\n",
    "headers of old encryption": "-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END X-----\n",
    "a block within a block": "-----BEGIN X-----\nAAAA\n-----BEGIN X-----\nAAAA\n-----END X-----\n-----END X-----\n",
  };
  for (const [name, text] of Object.entries(faults)) {
    it(`with ${name} is refused`, () => assert.throws(() => decodePem(text, "X"), malformed));
  }

  it("is bounded in size and number of blocks", () => {
    const block = encodePem("X", Uint8Array.of(1));
    assert.equal(decodePem(block.repeat(certsLimits.pemBlocks.value), "X").length, certsLimits.pemBlocks.value);
    assert.throws(() => decodePem(block.repeat(certsLimits.pemBlocks.value + 1), "X"), { code: "ERR_PEM_TOO_LARGE" });
    assert.throws(() => decodePem("x".repeat(certsLimits.pemBytes.value + 1), "X"), { code: "ERR_PEM_TOO_LARGE" });
    assert.throws(() => decodePem("x".repeat(certsLimits.pemBytes.value), "X"), { code: "ERR_PEM_EMPTY" });
  });

  it("that is hostile only ever gives a CertsError", () => {
    const piece = fc.constantFrom("-----BEGIN ", "-----END ", "X", "-----", "\n", "AAAA", "=", " ", "\0", "é");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        try {
          decodePem(pieces.join(""), "X");
        } catch (error) {
          assert.ok(error instanceof CertsError, String(error));
        }
      }),
      { numRuns: 1000 },
    );
  });
});
