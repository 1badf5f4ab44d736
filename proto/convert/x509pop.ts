import {
  decodeBase64,
  encodeBase64,
  isJsonArray,
  isJsonObject,
  type JsonObject,
  JsonSyntaxError,
  type JsonValue,
  parseJson,
} from "../../spiffe/index.ts";
import type { PossessionAnswer, PossessionChallenge } from "../domain/x509pop.ts";
import { decodeWith, type Problems } from "./problems.ts";

/**
 * The messages of the `x509pop` attestation as SPIRE writes them: JSON, byte strings in standard base64. Of the two
 * families one is an object and the other null; what else is in a message is passed over. The decoders throw
 * ERR_MALFORMED_REQUEST.
 */
const keys = { rsa: "rsa_signature", ec: "ecdsa_signature" } as const;

/** DER, leaf first. */
export function encodeCertificates(certificates: readonly Uint8Array[]): Uint8Array {
  return encode({ certificates: certificates.map(encodeBase64) });
}

/** As many as were sent: bounds are the reader's. */
export function decodeCertificates(payload: Uint8Array): readonly Uint8Array[] {
  return decodeWith((problems) => {
    const list = readObject(problems, payload)?.get("certificates") ?? [];
    if (isJsonArray(list)) return list.map((item, index) => bytes(problems, `certificates[${index}]`, item));
    problems.add("certificates", "is not a list");
    return undefined;
  });
}

export function encodeChallenge({ family, nonce }: PossessionChallenge): Uint8Array {
  return encode({ [keys.rsa]: null, [keys.ec]: null, [keys[family]]: { nonce: encodeBase64(nonce) } });
}

export function decodeChallenge(message: Uint8Array): PossessionChallenge {
  return decodeWith((problems) => {
    const found = oneFamily(problems, readObject(problems, message));
    if (found === undefined) return undefined;
    const { family, content } = found;
    return { family, nonce: bytes(problems, "nonce", content.get("nonce")) };
  });
}

export function encodeAnswer(answer: PossessionAnswer): Uint8Array {
  const nonce = encodeBase64(answer.nonce);
  const content =
    answer.family === "rsa"
      ? { nonce, signature: encodeBase64(answer.signature) }
      : { nonce, r: encodeBase64(answer.r), s: encodeBase64(answer.s) };
  return encode({ [keys.rsa]: null, [keys.ec]: null, [keys[answer.family]]: content });
}

export function decodeAnswer(message: Uint8Array): PossessionAnswer {
  return decodeWith((problems): PossessionAnswer | undefined => {
    const found = oneFamily(problems, readObject(problems, message));
    if (found === undefined) return undefined;
    const read = (name: string): Uint8Array => bytes(problems, name, found.content.get(name));
    return found.family === "rsa"
      ? { family: "rsa", nonce: read("nonce"), signature: read("signature") }
      : { family: "ec", nonce: read("nonce"), r: read("r"), s: read("s") };
  });
}

function encode(message: Readonly<Record<string, unknown>>): Uint8Array {
  return Buffer.from(JSON.stringify(message), "utf8");
}

function readObject(problems: Problems, message: Uint8Array): JsonObject | undefined {
  try {
    const value = parseJson(message);
    if (isJsonObject(value)) return value;
    problems.add("message", "is not a JSON object");
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    problems.add("message", `is not JSON: ${error.message}`);
  }
  return undefined;
}

interface Family {
  readonly family: PossessionChallenge["family"];
  readonly content: JsonObject;
}

function oneFamily(problems: Problems, message: JsonObject | undefined): Family | undefined {
  if (message === undefined) return undefined;
  const found = (["rsa", "ec"] as const).flatMap((family) => {
    const content = message.get(keys[family]);
    return isJsonObject(content) ? [{ family, content }] : [];
  });
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only;
  problems.add("message", `has ${found.length === 0 ? "neither" : "both"} of ${keys.rsa} and ${keys.ec}`);
  return undefined;
}

function bytes(problems: Problems, field: string, value: JsonValue | undefined): Uint8Array {
  const decoded = typeof value === "string" ? decodeBase64(value) : undefined;
  if (decoded === undefined) problems.add(field, "is not standard base64");
  return decoded ?? new Uint8Array(0);
}
