import { Certificate, caSubject } from "../../../certs/index.ts";
import type { Clock, Random } from "../../../runtime/core/index.ts";
import type { TrustDomain } from "../../../spiffe/index.ts";
import { serverErrors } from "../../errors.ts";
import { blockedKeys } from "../../issuance/blocked-keys.ts";
import { issuanceLimits } from "../../issuance/limits.ts";
import { provenRequest, Refusal } from "../../issuance/svid-job.ts";
import type { CaSubject, SigningAuthorities, X509Issuer } from "../ports.ts";
import { signCaBelow } from "../sign-ca.ts";

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
  const { der, notAfter } = await signCaBelow({
    issuer: issuer.certificate,
    sign: (tbs) => issuer.signer.sign(tbs),
    trustDomain,
    subject: { ...(deps.subject ?? caSubject), organizationalUnit: `DOWNSTREAM-${issuer.chain.length + 1}` },
    spkiDer,
    ttl: request.preferredTtl,
    defaultTtl: deps.caTtl,
    issuerNotAfter: issuer.notAfter,
    clock,
    random,
    noRoom: () =>
      serverErrors.error("ERR_DOWNSTREAM_PATH_LENGTH", "the path length of this server's CA allows no CA below it"),
  });
  const { serialNumber } = recheck(der, issuer, spkiDer);
  return { chain: [der, ...issuer.chain], serialNumber, notAfter };
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

/** What leaves is what was asked for: read back as a stranger would. */
function recheck(der: Uint8Array, issuer: X509Issuer, spkiDer: Uint8Array): Certificate {
  const made = Certificate.parse(der);
  if (made.isCa && made.isSignedBy(issuer.certificate) && Buffer.compare(made.spkiDer, spkiDer) === 0) return made;
  throw serverErrors.error("ERR_SVID_RECHECK", "the CA certificate made is not the one asked for");
}
