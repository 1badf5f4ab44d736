import { Secret } from "../../runtime/core/index.ts";
import { parseJwtSvid, type SpiffeId } from "../../spiffe/index.ts";
import { malformed, withoutRepeatedHints } from "../client/read-context.ts";
import type { FetchedJwtSvid } from "../client/workload-api-client.ts";

/** A JWT-SVID of this process. Printed, logged or made JSON it does not show its token. */
export interface JwtSvid {
  /** The subject of the token: one of this process's identities. */
  readonly id: SpiffeId;
  /** All audiences of the token: at least those asked for. */
  readonly audience: readonly string[];
  /** Seconds since 1970; may have a fraction. */
  readonly expiresAt: number;
  /** The operator's text about what this identity is for; `""` when none. */
  readonly hint: string;
  /** A bearer credential: `token.reveal()` is the only way to it. */
  readonly token: Secret<string>;
}

/**
 * What the Workload API answered, checked: it must be for the identity it names, for all audiences, and not be over.
 * @throws WorkloadError ERR_WORKLOAD_API_MALFORMED
 */
export function readJwtSvids(
  fetched: readonly FetchedJwtSvid[],
  asked: { readonly audience: readonly string[]; readonly spiffeId: string },
  nowMs: number,
): readonly [JwtSvid, ...JwtSvid[]] {
  const [first, ...rest] = withoutRepeatedHints(fetched.map((one) => readJwtSvid(one, asked, nowMs)));
  if (first === undefined) throw malformed("the Workload API sent no JWT-SVID");
  return [first, ...rest];
}

function readJwtSvid(
  { id, token, hint }: FetchedJwtSvid,
  asked: { readonly audience: readonly string[]; readonly spiffeId: string },
  nowMs: number,
): JwtSvid {
  const { id: subject, audience, expiresAt } = parsed(token);
  if (!subject.equals(id)) throw malformed("a JWT-SVID is not of the identity it is named for");
  if (asked.spiffeId !== "" && subject.toString() !== asked.spiffeId) {
    throw malformed("a JWT-SVID is of another identity than the one asked for");
  }
  if (!asked.audience.every((one) => audience.includes(one))) throw malformed("a JWT-SVID lacks an audience asked for");
  if (!(expiresAt * 1000 > nowMs)) throw malformed("a JWT-SVID had expired when it came; do the clocks agree?");
  return { id: subject, audience, expiresAt, hint, token: new Secret(token) };
}

function parsed(token: string): ReturnType<typeof parseJwtSvid> {
  try {
    return parseJwtSvid(token);
  } catch (cause) {
    throw malformed("the Workload API sent something that is no JWT-SVID", cause);
  }
}
