import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { describe, it } from "node:test";
import fc from "fast-check";
import { fixtureKey, testKey } from "../../test/fakes/fixture-keys.ts";
import { toHex } from "../bytes.ts";
import { DerReader } from "../der/reader.ts";
import { DerWriter } from "../der/writer.ts";
import { CertsError } from "../errors.ts";
import { certsLimits } from "../limits.ts";
import { generateKey } from "./generate.ts";
import { subjectKeyId } from "./key-id.ts";
import { publicKeyType } from "./key-type.ts";
import { decodePkcs8, encodePkcs8 } from "./pkcs8.ts";
import { signatureAlgorithmFor, signBytes, verifyBytes } from "./signature-algorithm.ts";
import { decodeSpki, encodeSpki, spkiKeyType } from "./spki.ts";

const accepted = ["ec-p256", "ec-p384", "ed25519", "rsa-2048", "rsa-3072", "rsa-4096"] as const;
const refused = ["rsa-1024", "rsa-2056", "rsa-2048-exponent-3", "rsa-pss-2048", "ec-p521", "ec-secp256k1", "ed448"];

function opensslSpki(key: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ type: "spki", format: "der" }));
}

function opensslPkcs8(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ type: "pkcs8", format: "der" }));
}

const unsupported = { name: "CertsError", code: "ERR_KEY_UNSUPPORTED" };
const invalid = { name: "CertsError", code: "ERR_KEY_INVALID" };

describe("accepted keys", () => {
  for (const type of accepted) {
    it(`${type} is written as OpenSSL writes it and read back`, () => {
      const key = testKey(type);
      assert.equal(publicKeyType(key), type);
      assert.deepEqual(encodeSpki(key), opensslSpki(key));
      assert.deepEqual(encodeSpki(createPublicKey(key)), opensslSpki(key));
      assert.deepEqual(encodePkcs8(key), opensslPkcs8(key));
      assert.equal(spkiKeyType(opensslSpki(key)), type);
      assert.ok(decodeSpki(encodeSpki(key)).equals(createPublicKey(key)));
      assert.ok(decodePkcs8(encodePkcs8(key)).equals(key));
    });

    it(`${type} signs and verifies, and does not verify anything else`, () => {
      const key = testKey(type);
      const publicKey = createPublicKey(key);
      const algorithm = signatureAlgorithmFor(type);
      const message = Uint8Array.of(1, 2, 3);
      const signature = signBytes(algorithm, message, key);
      assert.equal(verifyBytes(algorithm, message, publicKey, signature), true);
      assert.equal(verifyBytes(algorithm, Uint8Array.of(1, 2, 4), publicKey, signature), false);
      assert.equal(verifyBytes(algorithm, message, publicKey, signature.subarray(1)), false);
      const other = type === "ed25519" ? "ES256" : "Ed25519";
      assert.equal(verifyBytes(other, message, publicKey, signature), false);
      assert.throws(() => signBytes(other, message, key), unsupported);
    });
  }

  for (const type of ["ec-p256", "ec-p384", "ed25519", "rsa-2048"] as const) {
    it(`${type} can be generated`, async () => {
      assert.equal(publicKeyType(await generateKey(type)), type);
    });
  }

  it("have the key id that RFC 5280 method 1 gives", () => {
    const spki = Buffer.from(
      "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==",
      "base64",
    );
    // base64 -d | tail -c 65 | sha1sum
    assert.equal(toHex(subjectKeyId(spki)), "b467a3999eb5efa671de0032f08a9c9e5efda0e1");
  });
});

describe("refused keys", () => {
  for (const name of refused) {
    it(`${name} is refused in every form`, () => {
      const key = fixtureKey(name);
      assert.throws(() => publicKeyType(key), unsupported);
      assert.throws(() => encodeSpki(key), unsupported);
      assert.throws(() => encodePkcs8(key), unsupported);
      assert.throws(() => decodeSpki(opensslSpki(key)), unsupported);
      assert.throws(() => decodePkcs8(opensslPkcs8(key)), unsupported);
    });
  }

  it("explicit curve parameters are refused in both encodings, even those of P-256", () => {
    const key = fixtureKey("ec-p256-explicit");
    assert.throws(() => decodeSpki(opensslSpki(key)), unsupported);
    assert.throws(() => decodePkcs8(opensslPkcs8(key)), unsupported);
  });

  it("a weak key verifies nothing, even a right signature", () => {
    const key = fixtureKey("rsa-1024");
    const signature = sign("sha256", Uint8Array.of(1), key);
    assert.ok(verify("sha256", Uint8Array.of(1), createPublicKey(key), signature));
    assert.throws(() => verifyBytes("RS256", Uint8Array.of(1), createPublicKey(key), signature), unsupported);
  });

  it("a public key is not written as a private one", () => {
    assert.throws(() => encodePkcs8(createPublicKey(testKey("ec-p256"))), unsupported);
  });

  it("an even RSA modulus is refused", () => {
    const spki = opensslSpki(fixtureKey("rsa-2048"));
    spki[spki.length - 6] = (spki.at(-6) ?? 0) & 0xfe;
    assert.throws(() => decodeSpki(spki), unsupported);
  });

  for (const type of ["ec-p256", "ec-p384"]) {
    it(`a point that is not on ${type} is refused`, () => {
      const spki = encodeSpki(testKey(type));
      spki[spki.length - 1] = (spki.at(-1) ?? 0) ^ 1;
      assert.throws(() => decodeSpki(spki), invalid);
    });
  }

  it("a compressed point is refused", () => {
    const spki = Buffer.from(`3039301306072a8648ce3d020106082a8648ce3d030107032200${"02"}${"11".repeat(32)}`, "hex");
    assert.throws(() => decodeSpki(spki), unsupported);
  });

  it("keys above the size limit are refused before they are read", () => {
    const large = new Uint8Array(certsLimits.keyBytes.value + 1);
    assert.throws(() => decodeSpki(large), { code: "ERR_DER_TOO_LARGE" });
    assert.throws(() => decodePkcs8(large), { code: "ERR_DER_TOO_LARGE" });
  });
});

interface EcParts {
  readonly version?: number;
  readonly scalar?: Uint8Array;
  readonly curve?: string;
  readonly point?: Uint8Array;
  readonly outerVersion?: number;
}

/** PKCS#8 of a P-256 key from parts that need not fit. */
function craftEc(parts: EcParts): Uint8Array {
  const inner = new DerWriter().sequence((w) => {
    w.smallInteger(parts.version ?? 1).octetString(parts.scalar ?? new Uint8Array(32).fill(5));
    const { curve, point } = parts;
    if (curve !== undefined) w.explicit(0, (c) => c.oid(curve));
    if (point !== undefined) w.explicit(1, (c) => c.bitString(point));
  });
  return new DerWriter()
    .sequence((w) =>
      w
        .smallInteger(parts.outerVersion ?? 0)
        .sequence((a) => a.oid("1.2.840.10045.2.1").oid("1.2.840.10045.3.1.7"))
        .octetString(inner.toBytes()),
    )
    .toBytes();
}

describe("private keys that do not hold together", () => {
  const other = encodeSpki(testKey("ec-p256")).subarray(26);

  it("the halves of an EC key must belong together; the public one may be absent", () => {
    const key = decodePkcs8(craftEc({}));
    const point = encodeSpki(key).subarray(26);
    assert.ok(decodePkcs8(craftEc({ point })).equals(key));
    assert.ok(decodePkcs8(craftEc({ point, curve: "1.2.840.10045.3.1.7" })).equals(key));
    assert.throws(() => decodePkcs8(craftEc({ point: other })), invalid);
    // OpenSSL believes it, which is why this is checked here.
    createPrivateKey({ key: Buffer.from(craftEc({ point: other })), format: "der", type: "pkcs8" });
  });

  it("an EC key names one curve, has a scalar in range and of the right length, and the known versions", () => {
    assert.throws(() => decodePkcs8(craftEc({ curve: "1.3.132.0.34" })), invalid);
    assert.throws(() => decodePkcs8(craftEc({ scalar: new Uint8Array(31).fill(5) })), invalid);
    assert.throws(() => decodePkcs8(craftEc({ scalar: new Uint8Array(32) })), invalid);
    assert.throws(() => decodePkcs8(craftEc({ scalar: new Uint8Array(32).fill(0xff) })), invalid);
    assert.throws(() => decodePkcs8(craftEc({ version: 2 })), unsupported);
    assert.throws(() => decodePkcs8(craftEc({ outerVersion: 1 })), unsupported);
  });

  const rsaIntegers = (): Uint8Array[] => {
    const inner = DerReader.over(fixtureKey("rsa-2048").export({ type: "pkcs1", format: "der" })).enter();
    return inner.readAll().map(({ content }) => content);
  };
  const craftRsa = (integers: readonly Uint8Array[]): Uint8Array => {
    const inner = new DerWriter().sequence((w) => {
      for (const integer of integers) w.unsignedInteger(integer);
    });
    return new DerWriter()
      .sequence((w) =>
        w
          .smallInteger(0)
          .sequence((a) => a.oid("1.2.840.113549.1.1.1").null())
          .octetString(inner.toBytes()),
      )
      .toBytes();
  };

  it("the parts of an RSA key must belong together", () => {
    const other = DerReader.over(fixtureKey("rsa-2048-other").export({ type: "pkcs1", format: "der" }))
      .enter()
      .readAll();
    const swap = (index: number): Uint8Array =>
      craftRsa(rsaIntegers().map((value, i) => (i === index ? (other[index]?.content ?? value) : value)));
    assert.ok(decodePkcs8(craftRsa(rsaIntegers())).equals(fixtureKey("rsa-2048")));
    for (const index of [1, 3, 4, 5]) assert.throws(() => decodePkcs8(swap(index)), invalid);
    const multiPrime = rsaIntegers().with(0, Uint8Array.of(1));
    assert.throws(() => decodePkcs8(craftRsa(multiPrime)), unsupported);
  });

  it("an Ed25519 key of another form is refused", () => {
    const key = encodePkcs8(testKey("ed25519"));
    key[15] = 0x1f;
    assert.throws(() => decodePkcs8(key), { name: "CertsError" });
  });
});

describe("hostile keys", () => {
  const seeds = ["ec-p256", "ed25519", "rsa-2048"].flatMap((type) => [
    encodeSpki(testKey(type)),
    encodePkcs8(testKey(type)),
  ]);
  const mutated = fc
    .tuple(
      fc.constantFrom(...seeds),
      fc.array(fc.tuple(fc.nat(1300), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.nat(40),
    )
    .map(([seed, edits, cut]) => {
      const out = seed.slice(0, cut === 0 ? seed.length - 1 : seed.length);
      for (const [at, value] of edits) out[at % out.length] = value;
      return out;
    });

  it("only ever give a CertsError or a usable key", () => {
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 200 })), (input) => {
        for (const decode of [decodeSpki, decodePkcs8, subjectKeyId]) {
          try {
            const result = decode(input);
            if (!(result instanceof Uint8Array)) publicKeyType(result);
          } catch (error) {
            assert.ok(error instanceof CertsError, String(error));
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  it("have one encoding: what is accepted is written back byte for byte", () => {
    for (let i = 0; i < 20; i++) {
      const { privateKey } = generateKeyPairSync("ec", { namedCurve: i % 2 === 0 ? "P-256" : "P-384" });
      assert.deepEqual(encodePkcs8(decodePkcs8(encodePkcs8(privateKey))), opensslPkcs8(privateKey));
      assert.deepEqual(encodeSpki(decodeSpki(encodeSpki(privateKey))), opensslSpki(privateKey));
    }
  });
});
