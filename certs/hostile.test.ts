import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  alternativeNames,
  craftCa,
  craftedExtension,
  craftedNowMs,
  craftLeaf,
} from "../test/fakes/crafted-certificate.ts";
import { testKey } from "../test/fakes/fixture-keys.ts";
import { toHex } from "./bytes.ts";
import { verifyChain } from "./chain/verify-chain.ts";
import { DerReader } from "./der/reader.ts";
import { DerWriter } from "./der/writer.ts";
import { CertsError } from "./errors.ts";
import { buildCsr } from "./x509/build-csr.ts";
import { Certificate } from "./x509/certificate.ts";
import { CertificateRequest } from "./x509/certificate-request.ts";

const root = craftCa();
const rich = {
  constraints: craftedExtension(
    "2.5.29.30",
    true,
    new DerWriter().sequence((w) => w.explicit(0, (p) => p.sequence((s) => s.element(0x86, Buffer.from("a.test"))))),
  ),
  alternativeNames: alternativeNames(false, [0x86, "spiffe://a.test"], [0x82, "a.test"], [0x87, "\x7f\0\0\x01"]),
};
const certificates = [
  root,
  craftCa({ issuer: root, subject: "Rich", extensions: rich }),
  craftLeaf({ issuer: root }),
].map(({ der }) => der);
const key = testKey("ec-p256");
const requests = [buildCsr({ key }), buildCsr({ key, uriSans: ["spiffe://a.test/x"], dnsSans: ["a.test"] })];
const roots = [Certificate.parse(root.der)];

/** Bytes changed, removed, doubled or inserted. */
function mutations(seeds: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const edit = fc.record({
    at: fc.nat(1200),
    kind: fc.constantFrom("set", "cut", "double", "insert"),
    value: fc.nat(255),
  });
  return fc.tuple(fc.constantFrom(...seeds), fc.array(edit, { minLength: 1, maxLength: 3 })).map(([seed, edits]) => {
    let out = [...seed];
    for (const { at, kind, value } of edits) {
      const index = at % Math.max(1, out.length);
      if (kind === "set") out[index] = value;
      if (kind === "cut") out.splice(index, 1 + (value % 40));
      if (kind === "double") out.splice(index, 0, ...out.slice(index, index + (value % 40)));
      if (kind === "insert") out = [...out.slice(0, index), value, ...out.slice(index)];
    }
    return Uint8Array.from(out);
  });
}

/** The same tree with one element's content replaced and all lengths put right, so that the fault lies deep. */
function deepMutations(seeds: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const content = fc.oneof(fc.uint8Array({ maxLength: 24 }), fc.constant(new Uint8Array(0)));
  return fc
    .tuple(fc.constantFrom(...seeds), fc.nat(80), content, fc.boolean())
    .map(([seed, target, replacement, inOctets]) => {
      let index = 0;
      const walk = (reader: DerReader, out: DerWriter): void => {
        while (!reader.isAtEnd) {
          const { tag, content: own } = reader.readElement();
          if (index++ === target) out.element(tag, replacement);
          else if ((tag & 0x20) !== 0) out.constructed(tag, (w) => walk(DerReader.over(own), w));
          else if (inOctets && tag === 0x04 && own[0] === 0x30)
            out.constructed(tag, (w) => walk(DerReader.over(own), w));
          else out.element(tag, own);
        }
      };
      const out = new DerWriter();
      walk(DerReader.over(seed), out);
      return out.toBytes();
    });
}

function onlyCertsErrors(run: () => void): void {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof CertsError, `${String(error)}`);
  }
}

describe("hostile input", () => {
  const anything = fc.uint8Array({ maxLength: 400 });

  it("to Certificate.parse() gives a CertsError or a certificate whose every part can be asked for", () => {
    fc.assert(
      fc.property(fc.oneof(mutations(certificates), deepMutations(certificates), anything), (der) => {
        onlyCertsErrors(() => {
          const certificate = Certificate.parse(der);
          assert.equal(toHex(certificate.der), toHex(der));
          certificate.subjectText();
          certificate.issuerText();
          certificate.publicKey();
          assert.equal(certificate.isSignedBy(certificate), certificate.equals(roots[0] ?? certificate));
        });
      }),
      { numRuns: 300 },
    );
  });

  it("to verifyChain() is never accepted unless it is the original", () => {
    const leaf = certificates.at(-1);
    assert.ok(leaf !== undefined);
    let parsed = 0;
    fc.assert(
      fc.property(fc.oneof(mutations([leaf]), deepMutations([leaf])), (der) => {
        onlyCertsErrors(() => {
          const certificate = Certificate.parse(der);
          parsed++;
          verifyChain({ leaf: certificate, intermediates: [], roots, atMs: craftedNowMs, usage: "any" });
          assert.equal(toHex(der), toHex(leaf));
        });
      }),
      { numRuns: 300 },
    );
    assert.ok(parsed > 20, "the mutations are too wild to reach the verifier");
  });

  it("to CertificateRequest.parse() gives a CertsError, or a request that verifies only if it is the original", () => {
    const originals = new Set(requests.map(toHex));
    fc.assert(
      fc.property(fc.oneof(mutations(requests), deepMutations(requests), anything), (der) => {
        onlyCertsErrors(() => {
          const request = CertificateRequest.parse(der);
          request.subjectText();
          assert.equal(request.hasValidSignature(), originals.has(toHex(der)));
        });
      }),
      { numRuns: 300 },
    );
  });
});
