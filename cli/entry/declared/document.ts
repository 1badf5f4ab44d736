import type { Entry } from "../../../proto/gen/spire/api/types/Entry.ts";

/** An entry as people write and read it: IDs and selectors as text, without what has its default. */
export interface EntryDocument {
  readonly id?: string;
  readonly spiffe_id: string;
  readonly parent_id: string;
  readonly selectors: readonly string[];
  readonly x509_svid_ttl?: number;
  readonly jwt_svid_ttl?: number;
  readonly federates_with?: readonly string[];
  readonly admin?: boolean;
  readonly downstream?: boolean;
  readonly expires_at?: string;
  readonly dns_names?: readonly string[];
  readonly store_svid?: boolean;
  readonly hint?: string;
  readonly additional_attributes?: {
    readonly disable_x509_svid_prefetch: boolean;
    readonly jwt_svid_include_jti: boolean;
  };
}

/** Equal documents are equal entries: what has no order is sorted, and nothing is there twice. The order of DNS names counts, the first is the CN. */
export function documentOf(entry: Entry): EntryDocument {
  return {
    ...withoutDefaults({ id: entry.id ?? "" }),
    spiffe_id: idText(entry.spiffe_id),
    parent_id: idText(entry.parent_id),
    selectors: (entry.selectors ?? [])
      .map(({ type = "", value = "" }) => `${type}:${value}`)
      .filter(isFirst)
      .toSorted(),
    ...withoutDefaults({
      x509_svid_ttl: entry.x509_svid_ttl ?? 0,
      jwt_svid_ttl: entry.jwt_svid_ttl ?? 0,
      federates_with: (entry.federates_with ?? [])
        .map((domain) => domain.replace(/^spiffe:\/\//, ""))
        .filter(isFirst)
        .toSorted(),
      admin: entry.admin ?? false,
      downstream: entry.downstream ?? false,
      expires_at: expiryText(entry.expires_at),
      dns_names: (entry.dns_names ?? []).filter(isFirst),
      store_svid: entry.store_svid ?? false,
      hint: entry.hint ?? "",
    }),
    ...attributesOf(entry),
  };
}

/** Named twice is named once. */
function isFirst(text: string, index: number, all: readonly string[]): boolean {
  return all.indexOf(text) === index;
}

function withoutDefaults<Fields extends Record<string, unknown>>(fields: Fields): Partial<Fields> {
  const kept: Partial<Fields> = { ...fields };
  for (const [field, value] of Object.entries(fields)) {
    const isDefault = Array.isArray(value) ? value.length === 0 : [0, "", false].some((one) => one === value);
    if (isDefault) delete kept[field];
  }
  return kept;
}

/** `""` for never. A hint or an id may well be "0". */
function expiryText(expiresAt: Entry["expires_at"]): string {
  const text = String(expiresAt ?? "0");
  return text === "0" ? "" : text;
}

function attributesOf({ additional_attributes: wire }: Entry): Pick<EntryDocument, "additional_attributes"> {
  const attributes = {
    disable_x509_svid_prefetch: wire?.disable_x509_svid_prefetch ?? false,
    jwt_svid_include_jti: wire?.jwt_svid_include_jti ?? false,
  };
  return Object.values(attributes).some(Boolean) ? { additional_attributes: attributes } : {};
}

function idText(id: Entry["spiffe_id"]): string {
  return `spiffe://${id?.trust_domain ?? ""}${id?.path ?? ""}`;
}

/** What two entries may not have in common: SPIFFE ID, parent and selectors. */
export function identityOf({ spiffe_id, parent_id, selectors }: EntryDocument): string {
  return JSON.stringify([spiffe_id, parent_id, selectors]);
}
