import { readFile } from "node:fs/promises";
import { parseDocument } from "yaml";
import { z } from "zod";
import type { Entry } from "../../proto/gen/spire/api/types/Entry.ts";
import type { CommandContext } from "../context.ts";
import { CommandError, exitCodes } from "../exit-codes.ts";
import { selectorFlag, spiffeIdFlag } from "../wire.ts";

const maxFileBytes = 16 * 1024 * 1024;

const spiffeId = z.union([z.string(), z.strictObject({ trust_domain: z.string(), path: z.string() })]);
const selector = z.union([z.string(), z.strictObject({ type: z.string(), value: z.string() })]);
const seconds = z.number().int().min(0);

const entrySchema = z.strictObject({
  id: z.string().optional(),
  entry_id: z.string().optional(),
  spiffe_id: spiffeId,
  parent_id: spiffeId,
  selectors: z.array(selector).min(1),
  x509_svid_ttl: seconds.optional(),
  jwt_svid_ttl: seconds.optional(),
  federates_with: z.array(z.string()).optional(),
  admin: z.boolean().optional(),
  downstream: z.boolean().optional(),
  expires_at: z.union([seconds, z.string().regex(/^\d{1,15}$/)]).optional(),
  entry_expiry: seconds.optional(),
  dns_names: z.array(z.string()).optional(),
  store_svid: z.boolean().optional(),
  hint: z.string().optional(),
  additional_attributes: z
    .strictObject({ disable_x509_svid_prefetch: z.boolean().optional(), jwt_svid_include_jti: z.boolean().optional() })
    .optional(),
  revision_number: z.union([z.string(), z.number()]).optional(),
  created_at: z.union([z.string(), z.number()]).optional(),
});

const documentSchema = z.union([
  z.array(entrySchema),
  z.strictObject({ entries: z.array(entrySchema), next_page_token: z.string().optional() }),
  entrySchema,
]);

type EntryDocument = z.infer<typeof entrySchema>;

/** Entries of a YAML or JSON file, or of standard input for `-`: one, a list, or `entries: […]` as SPIRE writes it. */
export async function readEntries(file: string, context: CommandContext): Promise<readonly Entry[]> {
  const text = file === "-" ? await context.readStdin() : await readLimited(file);
  const parsed = parseDocument(text, { prettyErrors: true });
  if (parsed.errors.length > 0) throw unusable(file, parsed.errors.map((error) => error.message).join("\n"));
  const value: unknown = parsed.toJS({ maxAliasCount: 100 });
  const list = documentSchema.safeParse(value);
  if (!list.success) throw unusable(file, problemsOf(value));
  const entries = Array.isArray(list.data) ? list.data : "entries" in list.data ? list.data.entries : [list.data];
  if (entries.length === 0) throw unusable(file, "it holds no entry");
  return entries.map(toWire);
}

async function readLimited(file: string): Promise<string> {
  try {
    const text = await readFile(file, "utf8");
    if (text.length > maxFileBytes) throw unusable(file, `it is larger than ${maxFileBytes} bytes`);
    return text;
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw unusable(file, error instanceof Error ? error.message : String(error));
  }
}

/** A union's own error says little: name the problems of the entries themselves. */
function problemsOf(value: unknown): string {
  const holder = z.object({ entries: z.array(z.unknown()) }).safeParse(value);
  const items: readonly unknown[] = Array.isArray(value) ? value : holder.success ? holder.data.entries : [value];
  return items
    .flatMap((item, index) => {
      const result = entrySchema.safeParse(item);
      if (result.success) return [];
      return result.error.issues.map(
        (issue) => `entry ${index + 1}: ${issue.path.join(".") || "value"}: ${issue.message}`,
      );
    })
    .slice(0, 50)
    .join("\n");
}

function unusable(file: string, problem: string): CommandError {
  return new CommandError(
    exitCodes.usage,
    `${file === "-" ? "standard input" : file}: ${problem}`,
    "docs/cli.md shows the format",
  );
}

function toWire(entry: EntryDocument): Entry {
  const attributes = entry.additional_attributes;
  return {
    id: entry.id ?? entry.entry_id ?? "",
    spiffe_id: idOf("spiffe_id", entry.spiffe_id),
    parent_id: idOf("parent_id", entry.parent_id),
    selectors: entry.selectors.map((one) => (typeof one === "string" ? selectorFlag("selectors", one) : one)),
    x509_svid_ttl: entry.x509_svid_ttl ?? 0,
    jwt_svid_ttl: entry.jwt_svid_ttl ?? 0,
    federates_with: [...(entry.federates_with ?? [])],
    admin: entry.admin ?? false,
    downstream: entry.downstream ?? false,
    expires_at: String(entry.expires_at ?? entry.entry_expiry ?? 0),
    dns_names: [...(entry.dns_names ?? [])],
    store_svid: entry.store_svid ?? false,
    hint: entry.hint ?? "",
    ...(attributes === undefined
      ? {}
      : {
          additional_attributes: {
            disable_x509_svid_prefetch: attributes.disable_x509_svid_prefetch ?? false,
            jwt_svid_include_jti: attributes.jwt_svid_include_jti ?? false,
          },
        }),
  };
}

function idOf(field: string, value: z.infer<typeof spiffeId>): { trust_domain?: string; path?: string } {
  return typeof value === "string" ? spiffeIdFlag(field, value) : value;
}
