/**
 * Certificates with any fault one likes, written element by element: independent of the templates, so that the tests
 * of the verifier can present what our own issuer never makes.
 */
import { createHash, createPublicKey, type KeyObject, sign } from "node:crypto";
import { DerWriter } from "../../certs/index.ts";
import { testKey } from "./fixture-keys.ts";

/** 2026-01-01T00:00:00Z */
export const craftedNowMs = 1_767_225_600_000;
const hourMs = 3_600_000;

export interface CraftedOptions {
  readonly subject?: string;
  /** Common name of the issuer; the issuer's subject, or the own one, by default. */
  readonly issuerName?: string;
  readonly issuer?: Crafted;
  readonly key?: KeyObject;
  /** Signs in place of the issuer's key. */
  readonly signer?: KeyObject;
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
  readonly version?: number | "absent";
  readonly serial?: Uint8Array;
  /** Replace the ones of the role; `undefined` removes one. */
  readonly extensions?: Readonly<Record<string, Uint8Array | undefined>>;
  readonly hash?: string;
  /** Whole AlgorithmIdentifier, inside and outside. */
  readonly algorithm?: Uint8Array;
  readonly outerAlgorithm?: Uint8Array;
  /** Written behind the extensions. */
  readonly tail?: Uint8Array;
}

export interface Crafted {
  readonly der: Uint8Array;
  readonly key: KeyObject;
  readonly subject: string;
  readonly keyId: Uint8Array;
}

const ecdsaSha256 = new DerWriter().sequence((w) => w.oid("1.2.840.10045.4.3.2")).toBytes();

/** A Name of one common name; none for "". */
export function craftedName(commonName: string): Uint8Array {
  const write = (w: DerWriter): unknown =>
    w.setOf([new DerWriter().sequence((inner) => inner.oid("2.5.4.3").utf8String(commonName)).toBytes()]);
  return new DerWriter()
    .sequence((w) => {
      if (commonName !== "") write(w);
    })
    .toBytes();
}

export function craftedExtension(id: string, critical: boolean, value: DerWriter): Uint8Array {
  return new DerWriter()
    .sequence((w) => {
      w.oid(id);
      if (critical) w.boolean(true);
      w.octetString(value.toBytes());
    })
    .toBytes();
}

export function basicConstraints(isCa: boolean, pathLength?: number): Uint8Array {
  const value = new DerWriter().sequence((w) => {
    if (isCa) w.boolean(true);
    if (pathLength !== undefined) w.smallInteger(pathLength);
  });
  return craftedExtension("2.5.29.19", true, value);
}

/** First byte of the bit list, highest bit first. */
export function keyUsage(bits: number): Uint8Array {
  const unused = 31 - Math.clz32(bits & -bits);
  return craftedExtension("2.5.29.15", true, new DerWriter().bitString(Uint8Array.of(bits), unused));
}

export function extendedKeyUsage(...purposes: readonly string[]): Uint8Array {
  const value = new DerWriter().sequence((w) => {
    for (const purpose of purposes) w.oid(purpose);
  });
  return craftedExtension("2.5.29.37", false, value);
}

export function alternativeNames(critical: boolean, ...names: readonly (readonly [number, string])[]): Uint8Array {
  const value = new DerWriter().sequence((w) => {
    for (const [kind, text] of names) w.element(kind, Buffer.from(text, "latin1"));
  });
  return craftedExtension("2.5.29.17", critical, value);
}

export function authorityKeyId(keyId: Uint8Array): Uint8Array {
  return craftedExtension(
    "2.5.29.35",
    false,
    new DerWriter().sequence((w) => w.implicit(0, keyId)),
  );
}

function subjectKeyIdentifier(keyId: Uint8Array): Uint8Array {
  return craftedExtension("2.5.29.14", false, new DerWriter().octetString(keyId));
}

/** An authority: self-signed without `issuer`. */
export function craftCa(options: CraftedOptions = {}): Crafted {
  return craft("Test CA", options, { basicConstraints: basicConstraints(true), keyUsage: keyUsage(0x06) });
}

/** A workload's certificate: EC, both purposes, one URI. */
export function craftLeaf(options: CraftedOptions = {}): Crafted {
  return craft("Test leaf", options, {
    basicConstraints: basicConstraints(false),
    keyUsage: keyUsage(0x80),
    extendedKeyUsage: extendedKeyUsage("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"),
    alternativeNames: alternativeNames(false, [0x86, "spiffe://a.test/x"]),
  });
}

function craft(name: string, options: CraftedOptions, role: Readonly<Record<string, Uint8Array>>): Crafted {
  const key = options.key ?? testKey("ec-p256");
  const { issuer, subject = name } = options;
  const spki = new Uint8Array(createPublicKey(key).export({ type: "spki", format: "der" }));
  const keyId = new Uint8Array(createHash("sha1").update(spki).digest());
  const extensions: Readonly<Record<string, Uint8Array | undefined>> = {
    ...role,
    subjectKeyId: subjectKeyIdentifier(keyId),
    authorityKeyId: authorityKeyId(issuer?.keyId ?? keyId),
    ...options.extensions,
  };
  const algorithm = options.algorithm ?? ecdsaSha256;
  const tbs = new DerWriter()
    .sequence((w) => {
      const { version = 2 } = options;
      if (version !== "absent") w.explicit(0, (inner) => inner.smallInteger(version));
      w.unsignedInteger(options.serial ?? Uint8Array.of(1, 2, 3)).raw(algorithm);
      w.raw(craftedName(options.issuerName ?? issuer?.subject ?? subject));
      w.sequence((validity) =>
        validity.time(options.notBeforeMs ?? craftedNowMs - hourMs).time(options.notAfterMs ?? craftedNowMs + hourMs),
      );
      w.raw(craftedName(subject)).raw(spki);
      w.explicit(3, (outer) =>
        outer.sequence((list) => {
          for (const extension of Object.values(extensions)) if (extension !== undefined) list.raw(extension);
        }),
      );
      if (options.tail !== undefined) w.raw(options.tail);
    })
    .toBytes();
  const signature = sign(options.hash ?? "sha256", tbs, options.signer ?? issuer?.key ?? key);
  const der = new DerWriter()
    .sequence((w) =>
      w
        .raw(tbs)
        .raw(options.outerAlgorithm ?? algorithm)
        .bitString(signature),
    )
    .toBytes();
  return { der, key, subject, keyId };
}
