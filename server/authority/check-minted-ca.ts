import { generateKeyPairSync } from "node:crypto";
import {
  assembleCertificate,
  Certificate,
  encodeSpki,
  issuerInfoOf,
  randomSerial,
  svidTbs,
} from "../../certs/index.ts";
import type { Random } from "../../runtime/core/index.ts";
import { SpiffeBundle, type TrustDomain, verifyX509Svid } from "../../spiffe/index.ts";
import { serverErrors } from "../errors.ts";
import type { Signer } from "../issuance/ports.ts";
import type { MintedX509Ca } from "./ports.ts";

/** Intermediates between our CA and a trust anchor, our own included; and trust anchors of one mint. */
const chainMax = 8;

/** What is served behind a leaf: everything up to the trust anchor, which is in the bundle and not in the chain. */
export function servedChain(minted: Pick<MintedX509Ca, "chain" | "anchors">): readonly Uint8Array[] {
  return minted.chain.filter((der) => !minted.anchors.some((anchor) => Buffer.compare(anchor, der) === 0));
}

/**
 * Signs a throw-away SVID with the new key and verifies it as a peer would, with nothing trusted but the anchors. An
 * upstream with a wrong profile is found here and not by every workload.
 * @returns our CA certificate
 * @throws ERR_AUTHORITY_MINT_REJECTED
 */
export async function checkMintedCa(options: {
  readonly minted: MintedX509Ca;
  readonly trustDomain: TrustDomain;
  readonly signer: Signer;
  readonly nowMs: number;
  readonly random: Random;
}): Promise<Certificate> {
  const { minted, trustDomain, signer, nowMs, random } = options;
  try {
    if (minted.chain.length > chainMax || minted.anchors.length > chainMax) throw new Error("the chain is too long");
    const [own] = minted.chain;
    if (own === undefined || minted.anchors.length === 0) throw new Error("the chain or the anchors are missing");
    const ca = Certificate.parse(own);
    if (Buffer.compare(ca.spkiDer, encodeSpki(signer.publicKey)) !== 0) throw new Error("it is for another key");
    if (ca.subjectKeyId === undefined) throw new Error("it has no subject key identifier");
    if (ca.uriSans.length !== 1 || ca.uriSans[0] !== trustDomain.idString) {
      throw new Error("its only URI name must be the trust domain");
    }
    const leaf = await throwAwaySvid(ca);
    const x509Authorities = minted.anchors.map((der) => ({ certificate: Certificate.parse(der), tainted: false }));
    const bundle = SpiffeBundle.of(trustDomain, { x509Authorities });
    verifyX509Svid({
      chain: [leaf, ...servedChain(minted).map((der) => Certificate.parse(der))],
      bundles: { get: () => bundle },
      atMs: nowMs,
      usage: "any",
    });
    return ca;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : "unknown";
    throw serverErrors.error("ERR_AUTHORITY_MINT_REJECTED", `the new CA certificate is not usable: ${why}`, { cause });
  }

  async function throwAwaySvid(ca: Certificate): Promise<Certificate> {
    const tbs = svidTbs({
      issuer: issuerInfoOf(ca),
      serial: randomSerial(random.bytes(16)),
      notBeforeMs: nowMs,
      notAfterMs: Math.min(ca.notAfter, nowMs + 60_000),
      spkiDer: encodeSpki(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey),
      uri: `${trustDomain.idString}/countersign/throw-away`,
    });
    return Certificate.parse(assembleCertificate(tbs, signer.algorithm, await signer.sign(tbs)));
  }
}
