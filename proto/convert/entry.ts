import { type SpiffeId, sortSelectors } from "../../spiffe/index.ts";
import type { AdditionalAttributes, RegistrationEntry } from "../domain/entry.ts";
import type { Entry, Entry__Output } from "../gen/spire/api/types/Entry.ts";
import { readAmount, readCount } from "./integers.ts";
import { applyMask, type Mask, oneOf } from "./mask.ts";
import { decodeWith, Problems } from "./problems.ts";
import { encodeSelector, readSelectors } from "./selector.ts";
import { encodeSpiffeId, readSpiffeId, readTrustDomains } from "./spiffe-id.ts";

/** The fields an EntryMask names; `id` is always there. */
export const entryFields = [
  "spiffe_id",
  "parent_id",
  "selectors",
  "x509_svid_ttl",
  "federates_with",
  "admin",
  "downstream",
  "expires_at",
  "dns_names",
  "revision_number",
  "store_svid",
  "jwt_svid_ttl",
  "hint",
  "created_at",
  "additional_attributes",
] as const;
export type EntryField = (typeof entryFields)[number];
export type EntryMask = Mask<EntryField>;
const isEntryField = oneOf(entryFields);

/** Memory of `entry` may be shared with the result; encode at once. */
export function encodeEntry(entry: RegistrationEntry, mask?: EntryMask): Entry {
  const whole: Entry = {
    id: entry.id,
    spiffe_id: encodeSpiffeId(entry.spiffeId),
    parent_id: encodeSpiffeId(entry.parentId),
    selectors: entry.selectors.map(encodeSelector),
    x509_svid_ttl: entry.x509SvidTtl,
    federates_with: entry.federatesWith.map((domain) => domain.name),
    admin: entry.admin,
    downstream: entry.downstream,
    expires_at: entry.expiresAt,
    dns_names: [...entry.dnsNames],
    revision_number: entry.revisionNumber,
    store_svid: entry.storeSvid,
    jwt_svid_ttl: entry.jwtSvidTtl,
    hint: entry.hint,
    created_at: entry.createdAt,
    ...encodeAttributes(entry.additionalAttributes),
  };
  return mask === undefined ? whole : applyMask(whole, mask, isEntryField);
}

function encodeAttributes(attributes: AdditionalAttributes | undefined): Pick<Entry, "additional_attributes"> {
  if (attributes === undefined) return {};
  return {
    additional_attributes: {
      disable_x509_svid_prefetch: attributes.disableX509SvidPrefetch,
      jwt_svid_include_jti: attributes.jwtSvidIncludeJti,
    },
  };
}

/**
 * An entry as another server tells it. Throws `ERR_MALFORMED_REQUEST` naming every bad field: an id, a SPIFFE ID, a
 * parent and at least one selector are needed. `decodeEntryDraft` is for what callers write.
 */
export function decodeEntry(wire: Entry__Output): RegistrationEntry {
  return decodeWith((problems) => readEntry(problems, "", wire));
}

export function readEntry(problems: Problems, prefix: string, wire: Entry__Output): RegistrationEntry | undefined {
  const spiffeId = readSpiffeId(problems, `${prefix}spiffe_id`, wire.spiffe_id);
  const parentId = readSpiffeId(problems, `${prefix}parent_id`, wire.parent_id);
  return finishEntry(problems, prefix, wire, { spiffeId, parentId });
}

/**
 * An entry from a server that was asked with a mask which leaves out `parent_id`, as agents ask; `parentId` stands in.
 */
export function decodeMaskedEntry(wire: Entry__Output, parentId: SpiffeId): RegistrationEntry {
  return decodeWith((problems) => {
    const spiffeId = readSpiffeId(problems, "spiffe_id", wire.spiffe_id);
    const given = wire.parent_id === null ? parentId : readSpiffeId(problems, "parent_id", wire.parent_id);
    return finishEntry(problems, "", wire, { spiffeId, parentId: given });
  });
}

function finishEntry(
  problems: Problems,
  prefix: string,
  wire: Entry__Output,
  ids: { readonly spiffeId: SpiffeId | undefined; readonly parentId: SpiffeId | undefined },
): RegistrationEntry | undefined {
  if (wire.id === "") problems.add(`${prefix}id`, "is missing");
  if (wire.selectors.length === 0) problems.add(`${prefix}selectors`, "is empty");
  const rest = {
    id: wire.id,
    selectors: sortSelectors(readSelectors(problems, `${prefix}selectors`, wire.selectors)),
    federatesWith: readTrustDomains(problems, `${prefix}federates_with`, wire.federates_with),
    ...readPlain(problems, prefix, wire),
    revisionNumber: readCount(problems, `${prefix}revision_number`, wire.revision_number),
    createdAt: readCount(problems, `${prefix}created_at`, wire.created_at),
  };
  const { spiffeId, parentId } = ids;
  return spiffeId === undefined || parentId === undefined ? undefined : { ...rest, spiffeId, parentId };
}

type PlainFields = Pick<
  RegistrationEntry,
  | "x509SvidTtl"
  | "jwtSvidTtl"
  | "admin"
  | "downstream"
  | "expiresAt"
  | "dnsNames"
  | "storeSvid"
  | "hint"
  | "additionalAttributes"
>;

function readPlain(problems: Problems, prefix: string, wire: Entry__Output): PlainFields {
  return {
    x509SvidTtl: readAmount(problems, `${prefix}x509_svid_ttl`, wire.x509_svid_ttl),
    jwtSvidTtl: readAmount(problems, `${prefix}jwt_svid_ttl`, wire.jwt_svid_ttl),
    admin: wire.admin,
    downstream: wire.downstream,
    expiresAt: readCount(problems, `${prefix}expires_at`, wire.expires_at),
    dnsNames: wire.dns_names,
    storeSvid: wire.store_svid,
    hint: wire.hint,
    additionalAttributes: decodeAttributes(wire.additional_attributes),
  };
}

function decodeAttributes(wire: Entry__Output["additional_attributes"]): AdditionalAttributes | undefined {
  if (wire === null || wire === undefined) return undefined;
  return {
    disableX509SvidPrefetch: wire.disable_x509_svid_prefetch,
    jwtSvidIncludeJti: wire.jwt_svid_include_jti,
  };
}

/** An entry as a caller wrote it: numbers are checked, everything else is left to the entry rules. */
export interface WireEntryDraft extends PlainFields {
  readonly id: string;
  readonly spiffeId: { readonly trustDomain: string; readonly path: string } | undefined;
  readonly parentId: { readonly trustDomain: string; readonly path: string } | undefined;
  readonly selectors: readonly { readonly type: string; readonly value: string }[];
  readonly federatesWith: readonly string[];
}

export type DecodedDraft =
  | { readonly kind: "draft"; readonly draft: WireEntryDraft }
  /** Of this entry alone: the other items of a batch go on. */
  | { readonly kind: "malformed"; readonly error: Error };

/** Never throws for what is in the message. Numbers that `inputMask` leaves out are not looked at, and are 0. */
export function decodeEntryDraft(wire: Entry__Output, inputMask?: EntryMask): DecodedDraft {
  const problems = new Problems();
  const plain = readPlain(problems, "", inputMask === undefined ? wire : withoutUnmasked(wire, inputMask));
  if (!problems.isEmpty) return { kind: "malformed", error: problems.error() };
  return {
    kind: "draft",
    draft: {
      ...plain,
      id: wire.id,
      spiffeId: decodeIdDraft(wire.spiffe_id),
      parentId: decodeIdDraft(wire.parent_id),
      selectors: wire.selectors,
      federatesWith: wire.federates_with,
    },
  };
}

function withoutUnmasked(wire: Entry__Output, mask: EntryMask): Entry__Output {
  return {
    ...wire,
    x509_svid_ttl: mask.has("x509_svid_ttl") ? wire.x509_svid_ttl : 0,
    jwt_svid_ttl: mask.has("jwt_svid_ttl") ? wire.jwt_svid_ttl : 0,
    expires_at: mask.has("expires_at") ? wire.expires_at : "0",
  };
}

function decodeIdDraft(wire: Entry__Output["spiffe_id"]): WireEntryDraft["spiffeId"] {
  return wire === null ? undefined : { trustDomain: wire.trust_domain, path: wire.path };
}

const draftFields: Readonly<Record<EntryField, keyof WireEntryDraft | undefined>> = {
  spiffe_id: "spiffeId",
  parent_id: "parentId",
  selectors: "selectors",
  x509_svid_ttl: "x509SvidTtl",
  federates_with: "federatesWith",
  admin: "admin",
  downstream: "downstream",
  expires_at: "expiresAt",
  dns_names: "dnsNames",
  // Set by the store alone: a mask that names them changes nothing.
  revision_number: undefined,
  created_at: undefined,
  store_svid: "storeSvid",
  jwt_svid_ttl: "jwtSvidTtl",
  hint: "hint",
  additional_attributes: "additionalAttributes",
};

/** The fields of a draft that an update with this input mask writes. */
export function draftFieldsOf(mask: EntryMask): ReadonlySet<keyof WireEntryDraft> {
  return new Set(
    entryFields.flatMap((field) => {
      const name = draftFields[field];
      return name !== undefined && mask.has(field) ? [name] : [];
    }),
  );
}
