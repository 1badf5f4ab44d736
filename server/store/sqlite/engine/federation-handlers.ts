import { serverLimits } from "../../../limits.ts";
import type {
  AppendBundleAnswer,
  BundleRow,
  BundleRowUpdate,
  Changed,
  DeleteBundleAnswer,
  FederationRow,
  FederationRowChange,
  Handler,
  JwtAuthorityRow,
  RowChange,
  X509AuthorityRow,
} from "../protocol.ts";
import type { BundleTable } from "./bundle-table.ts";
import type { EntryTable } from "./entry-table.ts";
import type { FederationTable } from "./federation-table.ts";

interface Tables {
  readonly bundles: BundleTable;
  readonly entries: EntryTable;
  readonly federations: FederationTable;
}

type FederationOperation =
  | "appendBundle"
  | "createBundles"
  | "updateBundles"
  | "setBundles"
  | "deleteBundles"
  | "createFederations"
  | "updateFederations"
  | "deleteFederations"
  | "findFederation";

/** Bundles of others and where they come from. `own`: the trust domain whose bundle is appended to. */
export function federationHandlers(
  { bundles, entries, federations }: Tables,
  own: string,
): { readonly [K in FederationOperation]: Handler<K> } {
  return {
    appendBundle: ({ x509, jwt }) => append(bundles, own, x509, jwt),

    createBundles: ({ rows }) =>
      collecting((note) =>
        rows.map((row) => {
          const existing = bundles.find(row[0]);
          if (existing !== undefined) return { kind: "exists", row: existing };
          note(bundles.put(row));
          return { kind: "created", row };
        }),
      ),
    updateBundles: ({ updates }) =>
      collecting((note) =>
        updates.map(({ trustDomain, change }) => {
          const stored = bundles.find(trustDomain);
          if (stored === undefined) return { kind: "not-found" };
          const row = updatedRow(stored, change);
          note(bundles.put(row));
          return { kind: "updated", row };
        }),
      ),
    setBundles: ({ rows }) =>
      collecting((note) => {
        for (const row of rows) note(bundles.put(row));
        return rows;
      }),
    deleteBundles: ({ trustDomains, mode, nowMs }) =>
      collecting((note) => trustDomains.map((name) => remove({ bundles, entries }, name, mode, nowMs, note))),

    createFederations: ({ items }) =>
      collecting((note) =>
        items.map(({ row, bundle }) => {
          const existing = federations.find(row[0]);
          if (existing !== undefined) return { kind: "exists", row: existing };
          if (bundle !== null) note(bundles.put(bundle));
          note(federations.put(row));
          return { kind: "created", row };
        }),
      ),
    updateFederations: ({ updates }) =>
      collecting((note) =>
        updates.map(({ trustDomain, change, bundle }) => {
          const stored = federations.find(trustDomain);
          if (stored === undefined) return { kind: "not-found" };
          const row = updatedFederation(stored, change);
          if (bundle !== null) note(bundles.put(bundle));
          note(federations.put(row));
          return { kind: "updated", row };
        }),
      ),
    deleteFederations: ({ trustDomains, nowMs }) =>
      collecting((note) => trustDomains.map((name) => note(federations.delete(name, nowMs)))),
    findFederation: ({ trustDomain }) => federations.find(trustDomain) ?? null,
  };
}

/** Records a change, when there is one; tells whether there was. */
type Note = (change: RowChange | undefined) => boolean;

function collecting<Value>(handle: (note: Note) => Value): Changed<Value> {
  const changes: RowChange[] = [];
  const value = handle((change) => {
    if (change !== undefined) changes.push(change);
    return change !== undefined;
  });
  return { value, changes };
}

function updatedFederation(row: FederationRow, change: FederationRowChange): FederationRow {
  const [profile, endpointSpiffeId] = change.profile ?? [row[2], row[3]];
  return [row[0], change.bundleEndpointUrl ?? row[1], profile, endpointSpiffeId];
}

function updatedRow(row: BundleRow, change: BundleRowUpdate): BundleRow {
  return [
    row[0],
    change.sequenceNumber === undefined ? row[1] : change.sequenceNumber,
    change.refreshHint === undefined ? row[2] : change.refreshHint,
    change.x509 ?? row[3],
    change.jwt ?? row[4],
  ];
}

/** The entries first: no change may show an entry that federates with a bundle that is gone. */
function remove(
  { bundles, entries }: Pick<Tables, "bundles" | "entries">,
  trustDomain: string,
  mode: "restrict" | "delete" | "dissociate",
  nowMs: number,
  note: Note,
): DeleteBundleAnswer {
  if (bundles.find(trustDomain) === undefined) return { kind: "not-found" };
  const ids = entries.federatingWith(trustDomain);
  if (ids.length > 0 && mode === "restrict") return { kind: "in-use", entries: ids.length };
  for (const id of ids) note(mode === "delete" ? entries.delete(id, nowMs) : entries.dissociate(id, trustDomain));
  note(bundles.delete(trustDomain, nowMs));
  return { kind: "deleted", entries: ids.length };
}

/** Judged before anything is written, so that a refusal leaves nothing behind. */
function append(
  bundles: BundleTable,
  own: string,
  x509: readonly X509AuthorityRow[],
  jwt: readonly JwtAuthorityRow[],
): Changed<AppendBundleAnswer> {
  const [, , , storedX509, storedJwt] = bundles.find(own) ?? [own, null, null, [], []];
  const keys = new Map(storedJwt.map(([keyId, key]) => [keyId, key]));
  for (const [keyId, key] of jwt) {
    const other = keys.get(keyId);
    if (other !== undefined && Buffer.compare(other, key) !== 0) {
      return { value: { kind: "key-id-taken", keyId }, changes: [] };
    }
    keys.set(keyId, key);
  }
  const certificates = new Map([...storedX509, ...x509].map(([der]) => [Buffer.from(der).toString("base64"), der]));
  if (isTooMuch([...certificates.values()]) || isTooMuch([...keys.values()])) {
    return { value: { kind: "full" }, changes: [] };
  }
  const { row, changes } = bundles.edit(own, [
    ...x509.map(([certificate, subjectKeyId]) => ({ kind: "add-x509", certificate, subjectKeyId }) as const),
    ...jwt.map(([keyId, publicKey, expiresAt]) => ({ kind: "add-jwt", keyId, publicKey, expiresAt }) as const),
  ]);
  return { value: { kind: "appended", row }, changes };
}

function isTooMuch(authorities: readonly Uint8Array[]): boolean {
  const { bundleAuthorities, bundleAuthorityBytes } = serverLimits;
  const bytes = authorities.reduce((sum, one) => sum + one.length, 0);
  return authorities.length > bundleAuthorities.value || bytes > bundleAuthorityBytes.value;
}
