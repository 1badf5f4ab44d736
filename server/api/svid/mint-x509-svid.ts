import { CertificateRequest, CertsError } from "../../../certs/index.ts";
import type { IssuedX509Svid } from "../../../proto/domain/link.ts";
import { SpiffeId, type TrustDomain } from "../../../spiffe/index.ts";
import { commonErrors } from "../../../transport/errors/common.ts";
import { dnsNameProblem } from "../../domain/dns-name.ts";
import { errorByCode } from "../../error-by-code.ts";
import { serverErrors } from "../../errors.ts";
import type { Issuance } from "../../issuance/ports.ts";
import { serverLimits } from "../../limits.ts";
import { unaryRpc } from "../rpc.ts";
import { checkMintedId } from "./minted-id.ts";

export interface MintX509SvidNeeds {
  readonly trustDomain: TrustDomain;
  readonly issuance: Pick<Issuance, "issueX509Svids">;
}

export interface MintX509SvidRequest {
  readonly csrDer: Uint8Array;
  /** Seconds; 0 = the server's default. */
  readonly ttl: number;
}

export interface MintedX509Svid {
  readonly svid: IssuedX509Svid;
  readonly serialNumber: string;
}

/**
 * An X.509-SVID without an entry, on an administrator's word: id, DNS names and subject are those of the request.
 * Errors: ERR_MALFORMED_REQUEST, ERR_MINT_REFUSED, ERR_CSR_…, ERR_AUTHORITY_UNAVAILABLE, ERR_ISSUANCE_UNAVAILABLE.
 */
export const mintX509Svid = unaryRpc<MintX509SvidNeeds, MintX509SvidRequest, MintedX509Svid>({
  method: "/spire.api.server.svid.v1.SVID/MintX509SVID",
  callers: ["local", "admin"],
  audit: {
    kind: "issuance",
    fields: ({ ttl }) => ({ ttl }),
    result: ({ svid, serialNumber }) => ({
      spiffe_id: svid.id.toString(),
      serial: serialNumber,
      expires_at: svid.expiresAt,
    }),
    issued: () => ({ kind: "x509", count: 1 }),
  },
  handle: async ({ trustDomain, issuance }, { csrDer, ttl }) => {
    if (csrDer.length === 0) throw commonErrors.error("ERR_MALFORMED_REQUEST", "missing CSR");
    if (ttl < 0) throw commonErrors.error("ERR_MALFORMED_REQUEST", "ttl: is negative");
    const request = readRequest(csrDer);
    const id = checkMintedId(readId(request), trustDomain);
    const dnsNames = checkDnsNames(request.dnsSans);
    const [outcome] = await issuance.issueX509Svids([
      { id, csrDer, dnsNames, ttl, notAfterCap: 0, hint: "", profile: "workload", keepsSubject: true },
    ]);
    if (outcome === undefined) throw commonErrors.error("ERR_INTERNAL", "issuance gave no outcome");
    if (outcome.kind === "refused") throw errorByCode(outcome.code, outcome.message);
    return { svid: outcome.svid, serialNumber: outcome.serialNumber };
  },
});

/** Its names are believed: the caller may mint any. Its signature is checked by issuance, as every request's. */
function readRequest(csrDer: Uint8Array): CertificateRequest {
  try {
    return CertificateRequest.parse(csrDer);
  } catch (cause) {
    if (!(cause instanceof CertsError)) throw cause;
    throw serverErrors.error("ERR_CSR_MALFORMED", `malformed CSR: ${cause.message}`, { cause });
  }
}

function readId({ uriSans }: CertificateRequest): SpiffeId {
  const [uri] = uriSans;
  if (uri === undefined) throw serverErrors.error("ERR_MINT_REFUSED", "CSR URI SAN is required");
  if (uriSans.length > 1) throw serverErrors.error("ERR_MINT_REFUSED", "only one URI SAN is expected");
  try {
    return SpiffeId.parse(uri);
  } catch (cause) {
    throw serverErrors.error("ERR_MINT_REFUSED", "CSR URI SAN is invalid", { cause });
  }
}

function checkDnsNames(names: readonly string[]): readonly string[] {
  if (names.length > serverLimits.entryDnsNames.value) {
    throw serverErrors.error("ERR_MINT_REFUSED", `more than ${serverLimits.entryDnsNames.value} DNS names`);
  }
  for (const name of names) {
    if (dnsNameProblem(name) !== undefined) throw serverErrors.error("ERR_MINT_REFUSED", "CSR DNS name is invalid");
  }
  const unique = [...new Set(names)];
  const wildcards = unique.filter((name) => name.startsWith("*."));
  for (const name of unique) {
    const parent = name.slice(name.indexOf("."));
    if (
      !name.startsWith("*.") &&
      wildcards.some((wildcard) => wildcard.slice(1).toLowerCase() === parent.toLowerCase())
    ) {
      throw serverErrors.error("ERR_MINT_REFUSED", "a wildcard DNS name of the CSR covers another of its names");
    }
  }
  return unique;
}
