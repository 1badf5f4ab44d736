import type { Clock } from "../../../runtime/core/index.ts";
import { serverErrors } from "../../errors.ts";
import type { JoinTokenStore } from "../../store/ports.ts";
import type { NodeAttestationResult, NodeAttestor } from "../node-attestor.ts";
import { isJoinTokenValue } from "./join-token-value.ts";

export interface JoinTokenAttestorDeps {
  readonly tokens: Pick<JoinTokenStore, "findJoinToken">;
  readonly clock: Clock;
}

export const joinTokenAttestorName = "join_token";

/** A token, made by an administrator, that lets one agent in once. Nothing is known of its node. */
export class JoinTokenAttestor implements NodeAttestor {
  readonly name = joinTokenAttestorName;
  readonly #deps: JoinTokenAttestorDeps;

  constructor(deps: JoinTokenAttestorDeps) {
    this.#deps = deps;
  }

  /** @throws ERR_JOIN_TOKEN_REFUSED */
  async attest(payload: Uint8Array): Promise<NodeAttestationResult> {
    const value = Buffer.from(payload).toString("utf8");
    const token = isJoinTokenValue(value) ? await this.#deps.tokens.findJoinToken(value) : undefined;
    if (token === undefined) throw joinTokenGone();
    if (token.expiresAt <= this.#deps.clock.now() / 1000) {
      throw serverErrors.error("ERR_JOIN_TOKEN_REFUSED", "join token expired");
    }
    return {
      path: `/join_token/${token.value}`,
      selectors: [],
      canReattest: false,
      consume: { kind: "join-token", value: token.value },
    };
  }
}

/** Also the answer to whoever lost the race for a token. */
export function joinTokenGone() {
  return serverErrors.error("ERR_JOIN_TOKEN_REFUSED", "join token does not exist or has already been used");
}
