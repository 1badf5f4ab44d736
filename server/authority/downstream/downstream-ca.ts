import { assembleCertificate, Certificate, caSubject, caTbs, randomSerial } from "../../../certs/index.ts";
import type { Clock, Random } from "../../../runtime/core/index.ts";
import type { TrustDomain } from "../../../spiffe/index.ts";
import { serverErrors } from "../../errors.ts";
import { blockedKeys } from "../../issuance/blocked-keys.ts";
import { lifetime } from "../../issuance/lifetime.ts";
import { issuanceLimits } from "../../issuance/limits.ts";
import { provenRequest, Refusal } from "../../issuance/svid-job.ts";
import type { CaSubject, SigningAuthorities, X509Issuer } from "../ports.ts";

export interface DownstreamCaRequest {
  readonly csrDer: Uint8Array;
  /** Seconds asked for; 0 = the life of our own authorities. */
  readonly preferredTtl: number;
}

export interface DownstreamCa {
  /** DER, the new CA first, then ours up to, not including, the trust anchor. */
  readonly chain: readonly Uint8Array[];
  /** Decimal. */
  readonly serialNumber: string;
  /** Unix seconds. */
  readonly notAfter: number;
}

export interface DownstreamCaDeps {
  readonly authorities: Pick<SigningAuthorities, "x509Issuer" | "records">;
  readonly trustDomain: TrustDomain;
  readonly subject: CaSubject | undefined;
  /** Seconds. */
  readonly caTtl: number;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * A CA certificate for a server below, under the authority that signs now. Of the request only the key is taken, once
 * its sender has proven to have it; it never outlives its issuer.
 *
 * @throws ERR_CSR_TOO_LARGE, ERR_CSR_…, ERR_SVID_LIFETIME, ERR_AUTHORITY_UNAVAILABLE, ERR_DOWNSTREAM_PATH_LENGTH
 */
export async function issueDownstreamCa(deps: DownstreamCaDeps, request: DownstreamCaRequest): Promise<DownstreamCa> {
  const { authorities, clock, random, trustDomain } = deps;
  const issuer = authorities.x509Issuer();
  const spkiDer = keyOf(authorities, request.csrDer);
  const pathLength = pathLengthBelow(issuer.certificate);
  const life = lifetime(
    {
      ttl: request.preferredTtl,
      defaultTtl: deps.caTtl,
      maxTtl: Number.MAX_SAFE_INTEGER,
      issuerNotAfter: issuer.notAfter,
      notAfterCap: 0,
    },
    clock.now(),
  );
  const { signatureAlgorithm } = issuer.info;
  const tbs = caTbs({
    issuer: issuer.info,
    serial: randomSerial(random.bytes(16)),
    notBeforeMs: life.notBefore * 1000,
    notAfterMs: life.notAfter * 1000,
    spkiDer,
    uri: trustDomain.idString,
    subject: { ...(deps.subject ?? caSubject), organizationalUnit: `DOWNSTREAM-${issuer.chain.length + 1}` },
    signatureAlgorithm,
    pathLength,
  });
  const der = assembleCertificate(tbs, signatureAlgorithm, await issuer.signer.sign(tbs));
  const { serialNumber } = recheck(der, issuer, spkiDer);
  return { chain: [der, ...issuer.chain], serialNumber, notAfter: life.notAfter };
}

function keyOf(authorities: Pick<SigningAuthorities, "records">, csrDer: Uint8Array): Uint8Array {
  if (csrDer.length > issuanceLimits.csrBytes.value) {
    throw serverErrors.error("ERR_CSR_TOO_LARGE", `more than ${issuanceLimits.csrBytes.value} bytes`);
  }
  try {
    return provenRequest({ blockedKeys: blockedKeys(authorities.records()) }, csrDer).spkiDer;
  } catch (error) {
    if (error instanceof Refusal) throw serverErrors.error(error.code, error.message);
    throw error;
  }
}

/** RFC 5280 §4.2.1.9: a CA below one that allows `n` more may itself allow `n - 1`. */
function pathLengthBelow({ pathLength }: Certificate): number | undefined {
  if (pathLength === undefined) return undefined;
  if (pathLength > 0) return pathLength - 1;
  throw serverErrors.error("ERR_DOWNSTREAM_PATH_LENGTH", "the path length of this server's CA allows no CA below it");
}

/** What leaves is what was asked for: read back as a stranger would. */
function recheck(der: Uint8Array, issuer: X509Issuer, spkiDer: Uint8Array): Certificate {
  const made = Certificate.parse(der);
  if (made.isCa && made.isSignedBy(issuer.certificate) && Buffer.compare(made.spkiDer, spkiDer) === 0) return made;
  throw serverErrors.error("ERR_SVID_RECHECK", "the CA certificate made is not the one asked for");
}
