import type { Random } from "../../runtime/core/index.ts";
import type { SpiffeBundle } from "../../spiffe/index.ts";
import type { AuthorityKind, AuthorityRecord } from "../domain/authority.ts";
import type { AuthorityKeyType, Signer } from "../issuance/ports.ts";
import type { BundleEdit } from "../store/ports.ts";

/** What a new authority is beside its key. */
export type ForgedAuthority = Pick<
  AuthorityRecord,
  "id" | "chain" | "anchors" | "upstreamId" | "issuedAt" | "notAfter"
>;

/** All that X.509 and JWT authorities differ in. */
export interface AuthorityKindProfile {
  readonly kind: AuthorityKind;
  readonly keyType: AuthorityKeyType;
  /** Seconds of life that each new one is to have. */
  readonly life: number;
  /** Id of the record until the authority exists. */
  provisionalId(random: Random): string;
  /** Makes the authority of a new key. `record` is the preparing one. */
  forge(record: AuthorityRecord, signer: Signer): Promise<ForgedAuthority>;
  /** Makes what it signed verifiable. Anchors in `distrustedAbove` do not come back. */
  publishEdits(record: AuthorityRecord, distrustedAbove: ReadonlySet<string>): readonly BundleEdit[];
  /** Has what it signed replaced. */
  taintEdits(record: AuthorityRecord): readonly BundleEdit[];
  /** Ends what it signed. */
  revokeEdits(record: AuthorityRecord, bundle: SpiffeBundle): readonly BundleEdit[];
  /** Undoes `publishEdits`, as far as nothing else rests on it. */
  withdrawEdits(record: AuthorityRecord, nowMs: number): readonly BundleEdit[];
}
