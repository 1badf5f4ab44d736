import type { RegistrationEntry } from "../../proto/domain/entry.ts";

/** Never less than half of the encoded size, which is all that is needed to stay under the message limit. */
export function approximateEntryBytes(entry: RegistrationEntry): number {
  let bytes = 128 + entry.id.length + entry.hint.length + entry.spiffeId.path.length + entry.parentId.path.length;
  for (const { type, value } of entry.selectors) bytes += 8 + type.length + value.length;
  for (const name of entry.dnsNames) bytes += 4 + name.length;
  for (const trustDomain of entry.federatesWith) bytes += 4 + trustDomain.name.length;
  return bytes;
}
