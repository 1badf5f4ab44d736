import type { JwtAuthority, SpiffeBundle } from "../../../spiffe/index.ts";
import { publishJwtKey } from "../../authority/downstream/publish-jwt-key.ts";
import { type DownstreamNeeds, ownBundle } from "../downstream-needs.ts";
import { unaryRpc } from "../rpc.ts";

/**
 * Makes the JWT key of a server below known to the whole trust domain, up to the root. Answers all JWT keys.
 * Errors: ERR_MALFORMED_REQUEST, ERR_JWT_KEY_EXPIRED, ERR_JWT_KEY_ENDLESS, ERR_JWT_KEY_TAKEN, ERR_BUNDLE_FULL, ERR_UPSTREAM_UNAVAILABLE.
 */
export const publishJwtAuthority = unaryRpc<DownstreamNeeds, JwtAuthority, SpiffeBundle>({
  method: "/spire.api.server.bundle.v1.Bundle/PublishJWTAuthority",
  callers: ["downstream"],
  rate: { class: "publishJwt" },
  audit: { kind: "change", fields: ({ keyId, expiresAt }) => ({ key_id: keyId, expires_at: expiresAt }) },
  handle: async (needs, key) => {
    const { clock, upstream } = needs.downstream;
    const nowSeconds = Math.floor(clock.now() / 1000);
    return publishJwtKey({ store: needs.store, upstream, nowSeconds, bundle: await ownBundle(needs) }, key);
  },
});
