import type { RegistrationEntry } from "../../../proto/domain/entry.ts";
import type { IssueResult, NewX509SvidParams } from "../../../proto/domain/link.ts";
import { commonErrors } from "../../../transport/errors/common.ts";
import { grpcStatus, ServiceError } from "../../../transport/errors/service-error.ts";
import { errorByCode } from "../../error-by-code.ts";
import type { Issuance, X509IssueOutcome, X509IssueRequest } from "../../issuance/ports.ts";
import type { AuditItem } from "../../telemetry/index.ts";
import { callingAgent } from "../calling-agent.ts";
import { type Call, unaryRpc } from "../rpc.ts";
import { type AuthorizedNeeds, authorizedEntries } from "./authorized.ts";

export interface BatchNewX509SvidNeeds extends AuthorizedNeeds {
  readonly issuance: Pick<Issuance, "issueX509Svids">;
}

/** One result per item, in the order of the request; of a refusal its code is kept for the audit record. */
export interface BatchNewX509SvidResponse {
  readonly results: readonly IssueResult[];
  readonly items: readonly AuditItem[];
}

/**
 * X.509-SVIDs for entries that the calling agent may serve at this moment; identity, life and names come from the entry.
 * Errors: ERR_MALFORMED_REQUEST. Per item: ERR_MALFORMED_REQUEST, ERR_CSR_…, ERR_ENTRY_NOT_FOUND, ERR_STORE_UNAVAILABLE.
 */
export const batchNewX509Svid = unaryRpc<BatchNewX509SvidNeeds, readonly NewX509SvidParams[], BatchNewX509SvidResponse>(
  {
    method: "/spire.api.server.svid.v1.SVID/BatchNewX509SVID",
    callers: ["agent"],
    rate: { class: "x509", weight: (params) => params.length },
    audit: {
      kind: "issuance",
      items: (_params, { items }) => items,
      issued: ({ results }) => ({ kind: "x509", count: results.filter(({ kind }) => kind === "issued").length }),
    },
    handle: async (needs, params, call) => {
      if (params.length === 0) throw commonErrors.error("ERR_MALFORMED_REQUEST", "missing parameters");
      const agent = callingAgent(call);
      const ids = params.map(({ entryId }) => entryId).filter((id) => id !== "");
      const entries = await authorizedEntries(needs, agent.id, ids, call);
      const prepared = await Promise.all(params.map((one) => prepare(one, entries.get(one.entryId), call)));
      const requests = prepared.flatMap((one) => (one instanceof ServiceError ? [] : [one]));
      const outcomes = requests.length === 0 ? [] : await needs.issuance.issueX509Svids(requests);
      return collect(params, prepared, outcomes);
    },
  },
);

async function prepare(
  { entryId, csrDer }: NewX509SvidParams,
  entry: RegistrationEntry | ServiceError | undefined,
  call: Call,
): Promise<X509IssueRequest | ServiceError> {
  if (entryId === "" || entry === undefined) return commonErrors.error("ERR_MALFORMED_REQUEST", "missing entry ID");
  if (csrDer.length === 0) return commonErrors.error("ERR_MALFORMED_REQUEST", "missing CSR");
  if (entry instanceof ServiceError) return entry;
  const item = { kind: "entry", id: entryId, spiffeId: entry.spiffeId, parentId: entry.parentId } as const;
  const refusal = await call.refusalOf(item);
  if (refusal !== undefined) return refusal;
  return {
    id: entry.spiffeId,
    csrDer,
    dnsNames: entry.dnsNames,
    ttl: entry.x509SvidTtl,
    notAfterCap: entry.expiresAt,
    hint: entry.hint,
    profile: "workload",
  };
}

function collect(
  params: readonly NewX509SvidParams[],
  prepared: readonly (X509IssueRequest | ServiceError)[],
  outcomes: readonly X509IssueOutcome[],
): BatchNewX509SvidResponse {
  const results: IssueResult[] = [];
  const items: AuditItem[] = [];
  let next = 0;
  params.forEach(({ entryId }, index) => {
    const request = prepared[index];
    const outcome = request instanceof ServiceError ? refused(request) : resultOf(outcomes[next++]);
    results.push(outcome.result);
    items.push({ entry_id: entryId, ...outcome.item });
  });
  return { results, items };
}

interface Collected {
  readonly result: IssueResult;
  readonly item: AuditItem;
}

function resultOf(outcome: X509IssueOutcome | undefined): Collected {
  if (outcome === undefined) return refused(commonErrors.error("ERR_INTERNAL", "issuance gave no outcome"));
  if (outcome.kind === "refused") return refused(errorByCode(outcome.code, outcome.message));
  const { svid, serialNumber } = outcome;
  return {
    result: { kind: "issued", svid },
    item: { code: "OK", spiffe_id: svid.id.toString(), serial: serialNumber, expires_at: svid.expiresAt },
  };
}

function refused(error: ServiceError): Collected {
  return {
    result: { kind: "refused", code: grpcStatus[error.status], message: error.message },
    item: { code: error.code },
  };
}
