import { createPublicKey, type KeyObject, sign } from "node:crypto";
import { CertificateRequest } from "../../certs/index.ts";

/** Certificate requests that our own builder refuses to make. */
export function craftedCsr(options: {
  readonly signWith: KeyObject;
  /** Default: of `signWith`. */
  readonly spkiDer?: Uint8Array;
}): Uint8Array {
  const { signWith } = options;
  const spkiDer = options.spkiDer ?? createPublicKey(signWith).export({ format: "der", type: "spki" });
  const info = tlv(0x30, Buffer.from("020100", "hex"), tlv(0x30), spkiDer, tlv(0xa0));
  const algorithm =
    signWith.asymmetricKeyType === "rsa" ? "300d06092a864886f70d01010b0500" : "300a06082a8648ce3d040302";
  const signature = sign("sha256", info, signWith);
  return tlv(0x30, info, Buffer.from(algorithm, "hex"), tlv(0x03, Buffer.of(0), signature));
}

/** The same request with its last signature byte changed. */
export function brokenCsr(csrDer: Uint8Array): Uint8Array {
  const broken = Uint8Array.from(csrDer);
  broken[broken.length - 1] = (broken[broken.length - 1] ?? 0) ^ 1;
  return broken;
}

/** The same request for another key: the signature is still that of the first. */
export function csrWithForeignKey(csrDer: Uint8Array, foreignSpkiDer: Uint8Array): Uint8Array {
  const { spkiDer } = CertificateRequest.parse(csrDer);
  const at = Buffer.from(csrDer).indexOf(spkiDer);
  const forged = Uint8Array.from(csrDer);
  forged.set(foreignSpkiDer, at);
  return forged;
}

function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
