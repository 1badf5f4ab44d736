import type { AdditionalAttributes, RegistrationEntry } from "../../../../proto/domain/entry.ts";
import type { NewEntry } from "../../ports.ts";
import type { Bit, EntryRow, EntryRowChange } from "../protocol.ts";
import { parseStrings, type SharedValues } from "./shared-values.ts";

export function encodeEntry(entry: NewEntry, createdAt: number): EntryRow {
  return [
    entry.id,
    entry.spiffeId.toString(),
    entry.parentId.toString(),
    encodeList(entry.selectors),
    entry.x509SvidTtl,
    entry.jwtSvidTtl,
    encodeList(entry.federatesWith),
    bit(entry.admin),
    bit(entry.downstream),
    entry.expiresAt,
    encodeList(entry.dnsNames),
    0,
    bit(entry.storeSvid),
    entry.hint,
    createdAt,
    encodeAttributes(entry.additionalAttributes),
  ];
}

export function decodeEntry(row: readonly [...EntryRow, ...unknown[]], shared: SharedValues): RegistrationEntry {
  return {
    id: row[0],
    spiffeId: shared.newId(row[1]),
    parentId: shared.id(row[2]),
    selectors: shared.selectors(row[3]),
    x509SvidTtl: row[4],
    jwtSvidTtl: row[5],
    federatesWith: shared.trustDomains(row[6]),
    admin: row[7] === 1,
    downstream: row[8] === 1,
    expiresAt: row[9],
    dnsNames: parseStrings(row[10]),
    revisionNumber: row[11],
    storeSvid: row[12] === 1,
    hint: row[13],
    createdAt: row[14],
    additionalAttributes: row[15] === null ? undefined : decodeAttributes(row[15]),
  };
}

/** The entry as it is once its row is stored. */
export function createdEntry(entry: NewEntry, createdAt: number): RegistrationEntry {
  return {
    id: entry.id,
    spiffeId: entry.spiffeId,
    parentId: entry.parentId,
    selectors: entry.selectors,
    x509SvidTtl: entry.x509SvidTtl,
    jwtSvidTtl: entry.jwtSvidTtl,
    federatesWith: entry.federatesWith,
    admin: entry.admin,
    downstream: entry.downstream,
    expiresAt: entry.expiresAt,
    dnsNames: entry.dnsNames,
    revisionNumber: 0,
    storeSvid: entry.storeSvid,
    hint: entry.hint,
    createdAt,
    additionalAttributes: entry.additionalAttributes,
  };
}

/** `additionalAttributes` present and undefined removes them; another field that is undefined is left alone. */
export function encodeEntryChange(change: Partial<NewEntry>): EntryRowChange {
  const { spiffeId, parentId, selectors, federatesWith, admin, downstream, dnsNames, storeSvid } = change;
  return {
    ...(spiffeId && { spiffeId: spiffeId.toString() }),
    ...(parentId && { parentId: parentId.toString() }),
    ...(selectors && { selectors: encodeList(selectors) }),
    ...(change.x509SvidTtl !== undefined && { x509SvidTtl: change.x509SvidTtl }),
    ...(change.jwtSvidTtl !== undefined && { jwtSvidTtl: change.jwtSvidTtl }),
    ...(federatesWith && { federatesWith: encodeList(federatesWith) }),
    ...(admin !== undefined && { admin: bit(admin) }),
    ...(downstream !== undefined && { downstream: bit(downstream) }),
    ...(change.expiresAt !== undefined && { expiresAt: change.expiresAt }),
    ...(dnsNames && { dnsNames: encodeList(dnsNames) }),
    ...(storeSvid !== undefined && { storeSvid: bit(storeSvid) }),
    ...(change.hint !== undefined && { hint: change.hint }),
    ...("additionalAttributes" in change && { additionalAttributes: encodeAttributes(change.additionalAttributes) }),
  };
}

export function bit(value: boolean): Bit {
  return value ? 1 : 0;
}

/** Selectors, trust domains and DNS names all have a text form; its JSON is canonical because lists are sorted. */
export function encodeList(values: readonly { toString(): string }[]): string {
  return values.length === 0 ? "[]" : JSON.stringify(values.map(String));
}

function encodeAttributes(attributes: AdditionalAttributes | undefined): string | null {
  if (attributes === undefined) return null;
  const { disableX509SvidPrefetch, jwtSvidIncludeJti } = attributes;
  return JSON.stringify({ disableX509SvidPrefetch, jwtSvidIncludeJti });
}

function decodeAttributes(json: string): AdditionalAttributes {
  const value: unknown = JSON.parse(json);
  if (typeof value !== "object" || value === null) throw new TypeError("stored attributes are not an object");
  return {
    disableX509SvidPrefetch: "disableX509SvidPrefetch" in value && value.disableX509SvidPrefetch === true,
    jwtSvidIncludeJti: "jwtSvidIncludeJti" in value && value.jwtSvidIncludeJti === true,
  };
}
