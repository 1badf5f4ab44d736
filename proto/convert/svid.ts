import type { IssuedJwtSvid, IssuedX509Svid, IssueResult } from "../domain/link.ts";
import type {
  _spire_api_server_svid_v1_BatchNewX509SVIDResponse_Result as WireResult,
  _spire_api_server_svid_v1_BatchNewX509SVIDResponse_Result__Output as WireResultOut,
} from "../gen/spire/api/server/svid/v1/BatchNewX509SVIDResponse.ts";
import type { JWTSVID, JWTSVID__Output } from "../gen/spire/api/types/JWTSVID.ts";
import type { X509SVID, X509SVID__Output } from "../gen/spire/api/types/X509SVID.ts";
import { readCount } from "./integers.ts";
import { decodeWith, type Problems } from "./problems.ts";
import { encodeSpiffeId, readSpiffeId } from "./spiffe-id.ts";
import { decodeStatus, okStatus } from "./status.ts";

export function encodeX509Svid(svid: IssuedX509Svid): X509SVID {
  return {
    cert_chain: svid.chain.map((der) => Buffer.from(der.buffer, der.byteOffset, der.byteLength)),
    id: encodeSpiffeId(svid.id),
    expires_at: svid.expiresAt,
    hint: svid.hint,
  };
}

/** Throws `ERR_MALFORMED_REQUEST` naming what is missing under `field`. The certificates are not parsed here. */
export function decodeX509Svid(wire: X509SVID__Output | null, field = "svid"): IssuedX509Svid {
  return decodeWith((problems) => readX509Svid(problems, field, wire));
}

function readX509Svid(problems: Problems, field: string, wire: X509SVID__Output | null): IssuedX509Svid | undefined {
  if (wire === null) {
    problems.add(field, "is missing");
    return undefined;
  }
  const id = readSpiffeId(problems, `${field}.id`, wire.id);
  const isEmpty = wire.cert_chain.length === 0 || wire.cert_chain.some((der) => der.length === 0);
  if (isEmpty) problems.add(`${field}.cert_chain`, "is empty");
  const expiresAt = readCount(problems, `${field}.expires_at`, wire.expires_at);
  if (id === undefined) return undefined;
  return { id, chain: wire.cert_chain.map((der) => Uint8Array.from(der)), expiresAt, hint: wire.hint };
}

export function encodeJwtSvid(svid: IssuedJwtSvid): JWTSVID {
  return {
    token: svid.token,
    id: encodeSpiffeId(svid.id),
    expires_at: svid.expiresAt,
    issued_at: svid.issuedAt,
    hint: svid.hint,
  };
}

/** Throws `ERR_MALFORMED_REQUEST`. The token is not parsed here. */
export function decodeJwtSvid(wire: JWTSVID__Output | null, field = "svid"): IssuedJwtSvid {
  return decodeWith((problems) => {
    if (wire === null) {
      problems.add(field, "is missing");
      return undefined;
    }
    const id = readSpiffeId(problems, `${field}.id`, wire.id);
    if (wire.token === "") problems.add(`${field}.token`, "is empty");
    const expiresAt = readCount(problems, `${field}.expires_at`, wire.expires_at);
    const issuedAt = readCount(problems, `${field}.issued_at`, wire.issued_at);
    if (issuedAt > expiresAt) problems.add(`${field}.issued_at`, "is after expires_at");
    return id === undefined ? undefined : { id, token: wire.token, issuedAt, expiresAt, hint: wire.hint };
  });
}

export function encodeIssueResult(result: IssueResult): WireResult {
  if (result.kind === "issued") return { status: okStatus, svid: encodeX509Svid(result.svid) };
  return { status: { code: result.code, message: result.message } };
}

/** As many results as were asked for, in that order. Throws `ERR_MALFORMED_REQUEST`. */
export function decodeIssueResults(wire: readonly WireResultOut[], asked: number): readonly IssueResult[] {
  return decodeWith((problems) => {
    if (wire.length !== asked) problems.add("results", `${wire.length} for ${asked} requests`);
    return wire.flatMap(({ status, svid }, index): readonly IssueResult[] => {
      const refusal = decodeStatus(status);
      if (refusal !== undefined) return [{ kind: "refused", ...refusal }];
      const issued = readX509Svid(problems, `results[${index}].svid`, svid);
      return issued === undefined ? [] : [{ kind: "issued", svid: issued }];
    });
  });
}
