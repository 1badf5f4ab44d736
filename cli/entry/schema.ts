import { z } from "zod";
import type { Entry } from "../../proto/gen/spire/api/types/Entry.ts";
import { parseId, parseSelector } from "../wire.ts";

/** What `parse` makes of text; its error is the problem. */
function textAs<Value>(parse: (text: string) => Value) {
  return z.string().transform((text, context): Value => {
    try {
      return parse(text);
    } catch (error) {
      context.addIssue({ code: "custom", message: error instanceof Error ? error.message : String(error) });
      return z.NEVER;
    }
  });
}

/** Text, or the object that the wire has: whichever it is, the problems are those of that form. */
function textOrObject<Value>(text: z.ZodType<Value>, fields: z.ZodType<Value>) {
  return z.unknown().transform((value, context): Value => {
    const result = typeof value === "object" && value !== null ? fields.safeParse(value) : text.safeParse(value);
    if (result.success) return result.data;
    for (const { path, message } of result.error.issues) context.addIssue({ code: "custom", path: [...path], message });
    return z.NEVER;
  });
}

const spiffeId = textOrObject(textAs(parseId), z.strictObject({ trust_domain: z.string(), path: z.string() }));
const selector = textOrObject(textAs(parseSelector), z.strictObject({ type: z.string(), value: z.string() }));
const ttl = z.number().int().min(0).max(0x7fff_ffff);
/** int64: a number, or text as protojson writes it. */
const whole = "must be a whole number";
const int64 = z.union(
  [z.number(whole).int(whole).min(0, whole).transform(String), z.string().regex(/^\d{1,15}$/, whole)],
  {
    error: whole,
  },
);

/** One entry as people and SPIRE's tools write it: proto field names, or those of SPIRE's entry files. */
export const entryInput = z
  .strictObject({
    id: z.string().optional(),
    entry_id: z.string().optional(),
    spiffe_id: spiffeId,
    parent_id: spiffeId,
    selectors: z.array(selector).min(1, "there must be at least one"),
    x509_svid_ttl: ttl.default(0),
    jwt_svid_ttl: ttl.default(0),
    federates_with: z.array(z.string()).default([]),
    admin: z.boolean().default(false),
    downstream: z.boolean().default(false),
    expires_at: int64.optional(),
    entry_expiry: int64.optional(),
    entryExpiry: int64.optional(),
    dns_names: z.array(z.string()).default([]),
    store_svid: z.boolean().default(false),
    hint: z.string().default(""),
    additional_attributes: z
      .strictObject({
        disable_x509_svid_prefetch: z.boolean().default(false),
        jwt_svid_include_jti: z.boolean().default(false),
      })
      .nullish(),
    // The server's own; what "entry show" printed can be given back.
    revision_number: int64.optional(),
    created_at: int64.optional(),
  })
  .transform((entry): Entry => {
    const { entry_id, entry_expiry, entryExpiry, revision_number: _revision, created_at: _createdAt, ...rest } = entry;
    return {
      ...rest,
      id: entry.id ?? entry_id ?? "",
      expires_at: entry.expires_at ?? entryExpiry ?? entry_expiry ?? "0",
      additional_attributes: entry.additional_attributes ?? null,
    };
  });

export const entryFile = z.strictObject({ entries: z.array(z.unknown()), next_page_token: z.string().optional() });
