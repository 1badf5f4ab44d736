import type { JoinToken } from "../../../proto/domain/agent.ts";
import { type Clock, type Random, uuidV7 } from "../../../runtime/core/index.ts";
import { Selector, SpiffeId, type TrustDomain } from "../../../spiffe/index.ts";
import { commonErrors } from "../../../transport/errors/common.ts";
import { isJoinTokenValue, joinTokenAttestorName, newJoinTokenValue } from "../../attestation/index.ts";
import { serverErrors } from "../../errors.ts";
import type { JoinTokenStore, NewEntry } from "../../store/ports.ts";
import { unaryRpc } from "../rpc.ts";

export interface CreateJoinTokenNeeds {
  readonly trustDomain: TrustDomain;
  readonly store: Pick<JoinTokenStore, "createJoinToken">;
  readonly attestors: Pick<ReadonlyMap<string, unknown>, "has">;
  readonly clock: Clock;
  readonly random: Random;
}

export interface CreateJoinTokenRequest {
  /** Seconds, at least 1. */
  readonly ttl: number;
  /** "" = one is drawn. */
  readonly value: string;
  /** A second SPIFFE ID for the agent that joins, to register entries under before it does. */
  readonly agentId: SpiffeId | undefined;
}

/** Errors: ERR_MALFORMED_REQUEST, ERR_JOIN_TOKEN_DISABLED, ERR_JOIN_TOKEN_VALUE, ERR_JOIN_TOKEN_EXISTS. */
export const createJoinToken = unaryRpc<CreateJoinTokenNeeds, CreateJoinTokenRequest, JoinToken>({
  method: "/spire.api.server.agent.v1.Agent/CreateJoinToken",
  callers: ["local", "admin"],
  // The value is a secret until it is used: it is not recorded.
  audit: {
    kind: "change",
    fields: ({ ttl, agentId }) => ({ ttl, ...(agentId === undefined ? {} : { alias_id: agentId.toString() }) }),
  },
  handle: async ({ trustDomain, store, attestors, clock, random }, { ttl, value, agentId }) => {
    if (ttl < 1) throw commonErrors.error("ERR_MALFORMED_REQUEST", "ttl is required, you must provide one");
    if (!attestors.has(joinTokenAttestorName)) {
      throw serverErrors.error("ERR_JOIN_TOKEN_DISABLED", "join tokens are not accepted: the attestor is disabled");
    }
    if (value !== "" && !isJoinTokenValue(value)) {
      throw serverErrors.error("ERR_JOIN_TOKEN_VALUE", "token cannot be a segment of a SPIFFE ID path");
    }
    const nowMs = clock.now();
    const nowSeconds = Math.floor(nowMs / 1000);
    const token = { value: value === "" ? newJoinTokenValue(random) : value, expiresAt: nowSeconds + ttl };
    const alias =
      agentId === undefined ? undefined : aliasEntry(trustDomain, agentId, token.value, uuidV7(nowMs, random));
    const outcome = await store.createJoinToken(token, alias, nowSeconds);
    if (outcome.kind === "taken") throw serverErrors.error("ERR_JOIN_TOKEN_EXISTS", "join token exists already");
    return token;
  },
});

/** The alias hangs under the agent that will join: whoever is parent of it may serve what is registered under the alias. */
function aliasEntry(trustDomain: TrustDomain, aliasId: SpiffeId, token: string, id: string): NewEntry {
  if (!aliasId.isMemberOf(trustDomain) || aliasId.path === "" || /^\/spire(\/|$)/.test(aliasId.path)) {
    throw commonErrors.error(
      "ERR_MALFORMED_REQUEST",
      `invalid agent ID: ${aliasId} must have a path in trust domain ${trustDomain}, outside /spire`,
    );
  }
  const agentId = SpiffeId.of(trustDomain, `/spire/agent/join_token/${token}`);
  return {
    id,
    spiffeId: aliasId,
    parentId: agentId,
    selectors: [Selector.of("spiffe_id", agentId.toString())],
    x509SvidTtl: 0,
    jwtSvidTtl: 0,
    federatesWith: [],
    admin: false,
    downstream: false,
    expiresAt: 0,
    dnsNames: [],
    storeSvid: false,
    hint: "",
    additionalAttributes: undefined,
  };
}
