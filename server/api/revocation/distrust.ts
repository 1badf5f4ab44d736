import type { SpiffeBundle, TrustDomain } from "../../../spiffe/index.ts";
import { serverErrors } from "../../errors.ts";
import type { AuthorityStore, BundleEdit, BundleStore } from "../../store/ports.ts";
import { unaryRpc } from "../rpc.ts";

export interface DistrustNeeds {
  readonly trustDomain: TrustDomain;
  readonly store: BundleStore & Pick<AuthorityStore, "commitAuthorities" | "listAuthorities">;
}

export interface DistrustRequest {
  readonly subjectKeyIds: readonly string[];
  readonly jwtKeyIds: readonly string[];
  readonly action: "taint" | "remove";
}

/**
 * Taints authorities of the own bundle that this server did not make, or takes them out: the counterpart of
 * AppendBundle. What the bundle does not have is left out, so that it can be asked for again. Its own ones go through
 * LocalAuthority, which looks at what rests on them. Errors: ERR_AUTHORITY_ID.
 */
export const distrust = unaryRpc<DistrustNeeds, DistrustRequest, SpiffeBundle>({
  method: "/countersign.server.localauthority.v1.Revocation/Distrust",
  callers: ["local", "admin"],
  audit: {
    kind: "change",
    fields: ({ subjectKeyIds, jwtKeyIds, action }) => ({
      action,
      x509_authority_ids: shortened(subjectKeyIds),
      jwt_authority_ids: shortened(jwtKeyIds),
    }),
  },
  handle: async ({ trustDomain, store }, { subjectKeyIds, jwtKeyIds, action }) => {
    if (subjectKeyIds.length + jwtKeyIds.length === 0 || [...subjectKeyIds, ...jwtKeyIds].includes(""))
      throw serverErrors.error("ERR_AUTHORITY_ID", "no authority named");
    const records = await store.listAuthorities();
    const anchors = new Set(records.flatMap((record) => record.anchors.map(fingerprint)));
    const ownKeys = new Set(records.flatMap(({ kind, id }) => (kind === "jwt" ? [id] : [])));
    const named = new Set(subjectKeyIds);
    const bundle = await store.findBundle(trustDomain);
    const certificates = (bundle?.x509Authorities ?? [])
      .map(({ certificate }) => certificate)
      .filter(({ subjectKeyId }) => subjectKeyId !== undefined && named.has(subjectKeyId));
    const own =
      certificates.find(({ der }) => anchors.has(fingerprint(der)))?.subjectKeyId ??
      jwtKeyIds.find((id) => ownKeys.has(id));
    if (own !== undefined)
      throw serverErrors.error(
        "ERR_AUTHORITY_ID",
        `${own} is an authority of this server: taint and revoke it instead`,
      );
    const bundleEdits: readonly BundleEdit[] =
      action === "remove"
        ? [
            ...certificates.map(({ der }) => ({ kind: "remove-x509", certificateDer: der }) as const),
            ...jwtKeyIds.map((keyId) => ({ kind: "remove-jwt", keyId }) as const),
          ]
        : [
            ...subjectKeyIds.map((subjectKeyId) => ({ kind: "taint-x509", subjectKeyId }) as const),
            ...jwtKeyIds.map((keyId) => ({ kind: "taint-jwt", keyId }) as const),
          ];
    return store.commitAuthorities({ put: [], remove: [], bundleEdits });
  },
});

/** A caller's list must not fill the audit log. */
function shortened(ids: readonly string[]): readonly string[] {
  return ids.slice(0, 100).map((id) => id.slice(0, 255));
}

function fingerprint(der: Uint8Array): string {
  return Buffer.from(der).toString("base64");
}
