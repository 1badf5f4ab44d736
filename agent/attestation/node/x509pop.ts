import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { certsLimits, decodePem } from "../../../certs/index.ts";
import { decodeChallenge, encodeAnswer, encodeCertificates } from "../../../proto/convert/x509pop.ts";
import {
  answerChallenge,
  type PossessionChallenge,
  possessionFamily,
  possessionNonceBytes,
} from "../../../proto/domain/x509pop.ts";
import type { Random } from "../../../runtime/core/index.ts";
import { readRegularFile } from "../../../runtime/host/index.ts";
import { agentErrors } from "../../errors.ts";
import type { NodeAttestor, NodeProof } from "./node-attestor.ts";

/** Absolute paths of PEM files. */
export interface X509PopFiles {
  /** PKCS#8, PKCS#1 or SEC 1, not encrypted; RSA or ECDSA. */
  readonly privateKeyPath: string;
  /** The node's certificate, perhaps with intermediates behind it. */
  readonly certificatePath: string;
  readonly intermediatesPath: string | undefined;
}

/**
 * Attests with a certificate that the node has from elsewhere, by signing the server's challenge with its key. The files
 * are read at each attempt, so that whoever renews the certificate only has to replace them.
 */
export function x509popAttestor(files: X509PopFiles, random: Random): NodeAttestor {
  return {
    type: "x509pop",
    isReusable: true,
    prepare: async (): Promise<NodeProof> => {
      const { certificates, key } = await readFiles(files);
      return {
        payload: encodeCertificates(certificates),
        answer: async (message) => answerTo(readChallenge(message), key, random),
      };
    },
  };
}

function readChallenge(message: Uint8Array): PossessionChallenge {
  try {
    return decodeChallenge(message);
  } catch (cause) {
    throw agentErrors.error("ERR_RESPONSE_UNUSABLE", "the server's challenge cannot be read", { cause });
  }
}

function answerTo(challenge: PossessionChallenge, key: KeyObject, random: Random): Uint8Array {
  if (challenge.family !== possessionFamily(key) || challenge.nonce.length !== possessionNonceBytes) {
    throw agentErrors.error("ERR_RESPONSE_UNUSABLE", "the server's challenge does not fit the node's key");
  }
  return encodeAnswer(answerChallenge(key, challenge, random.bytes(possessionNonceBytes)));
}

async function readFiles({ privateKeyPath, certificatePath, intermediatesPath }: X509PopFiles) {
  const own = await readWith(certificatePath, certificatesOf);
  const more = intermediatesPath === undefined ? [] : await readWith(intermediatesPath, certificatesOf);
  const key = await readWith(privateKeyPath, privateKey);
  const [leaf] = own;
  if (leaf === undefined || !new X509Certificate(leaf).checkPrivateKey(key)) {
    throw unreadable(certificatePath, new Error(`its first certificate is not of the key in ${privateKeyPath}`));
  }
  return { certificates: [...own, ...more], key };
}

function certificatesOf(text: string): readonly Uint8Array[] {
  return decodePem(text, "CERTIFICATE");
}

function privateKey(text: string): KeyObject {
  const key = createPrivateKey(text);
  if (possessionFamily(key) === undefined)
    throw new Error(`a key of type ${key.asymmetricKeyType} cannot be challenged`);
  return key;
}

async function readWith<Value>(path: string, read: (text: string) => Value): Promise<Value> {
  try {
    return read((await readRegularFile(path, certsLimits.pemBytes.value)).text);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown) {
  return agentErrors.error("ERR_X509POP_FILES", `${path} cannot be used to attest this node`, { cause });
}
