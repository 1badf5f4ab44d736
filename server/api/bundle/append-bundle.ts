import type { SpiffeBundle } from "../../../spiffe/index.ts";
import { commonErrors } from "../../../transport/errors/common.ts";
import { serverErrors } from "../../errors.ts";
import type { OwnBundleStore } from "../../store/ports.ts";
import { unaryRpc } from "../rpc.ts";

export interface AppendBundleNeeds {
  readonly store: OwnBundleStore;
}

export type AppendBundleRequest = Pick<SpiffeBundle, "x509Authorities" | "jwtAuthorities">;

/**
 * Adds authorities to the own trust domain's bundle: all or none, those it has already left alone. Whoever holds their
 * keys can speak for this trust domain from then on. Errors: ERR_MALFORMED_REQUEST, ERR_BUNDLE_FULL,
 * ERR_JWT_KEY_TAKEN.
 */
export const appendBundle = unaryRpc<AppendBundleNeeds, AppendBundleRequest, SpiffeBundle>({
  method: "/spire.api.server.bundle.v1.Bundle/AppendBundle",
  callers: ["local", "admin"],
  audit: {
    kind: "change",
    fields: ({ x509Authorities, jwtAuthorities }) => ({
      x509_authority_ids: x509Authorities.map(({ certificate }) => certificate.subjectKeyId ?? ""),
      jwt_authority_ids: jwtAuthorities.map(({ keyId }) => keyId.slice(0, 255)),
    }),
  },
  mask: "bundle",
  handle: async ({ store }, authorities) => {
    if (authorities.x509Authorities.length + authorities.jwtAuthorities.length === 0) {
      throw commonErrors.error("ERR_MALFORMED_REQUEST", "no authorities to append");
    }
    const outcome = await store.appendBundle(authorities);
    switch (outcome.kind) {
      case "appended":
        return outcome.bundle;
      case "full":
        throw serverErrors.error("ERR_BUNDLE_FULL", "the bundle would have more authorities than it may");
      case "key-id-taken":
        throw serverErrors.error("ERR_JWT_KEY_TAKEN", `another key has the id ${JSON.stringify(outcome.keyId)}`);
    }
  },
});
