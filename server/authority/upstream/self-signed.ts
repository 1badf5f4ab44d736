import { assembleCertificate, caTbs, encodeSpki, randomSerial } from "../../../certs/index.ts";
import type { Clock, Random } from "../../../runtime/core/index.ts";
import { backdateSeconds } from "../../issuance/lifetime.ts";
import type { UpstreamAuthority } from "../ports.ts";

/** No CA above: each authority is its own trust anchor. */
export function selfSigned(clock: Clock, random: Random): UpstreamAuthority {
  return {
    isSelfSigned: true,
    mintX509Ca: async ({ trustDomain, signer, subject, ttl }) => {
      const now = Math.floor(clock.now() / 1000);
      const tbs = caTbs({
        serial: randomSerial(random.bytes(16)),
        notBeforeMs: (now - backdateSeconds(ttl)) * 1000,
        notAfterMs: (now + ttl) * 1000,
        spkiDer: encodeSpki(signer.publicKey),
        uri: trustDomain.idString,
        // The template adds the serial number as an attribute: no two CAs share a name.
        subject,
        signatureAlgorithm: signer.algorithm,
      });
      const certificate = assembleCertificate(tbs, signer.algorithm, await signer.sign(tbs));
      return { chain: [certificate], anchors: [certificate], upstreamId: "" };
    },
  };
}
