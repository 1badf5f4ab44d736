import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { Change, FeedItem } from "../store/ports.ts";

/**
 * The changes that turn `present` into exactly `items`. Entries that are the same are left out, so that watchers hear
 * only of differences.
 */
export function replacingChanges(
  items: readonly FeedItem[],
  n: number,
  present: Iterable<FeedItem>,
): readonly Change[] {
  const gone = new Map<string, FeedItem>();
  for (const item of present) gone.set(`${item.type} ${item.key}`, item);
  const changes: Change[] = [];
  for (const item of items) {
    const old = gone.get(`${item.type} ${item.key}`);
    gone.delete(`${item.type} ${item.key}`);
    if (!isSameEntry(old, item)) changes.push({ ...item, n });
  }
  for (const item of gone.values()) changes.push({ ...item, value: undefined, n });
  return changes;
}

/** Two histories may have given one id and revision to different entries: all of it is compared. */
function isSameEntry(old: FeedItem | undefined, item: FeedItem): boolean {
  if (old?.type !== "entry" || item.type !== "entry") return false;
  return old.value !== undefined && item.value !== undefined && text(old.value) === text(item.value);
}

function text(entry: RegistrationEntry): string {
  const {
    id,
    spiffeId,
    parentId,
    selectors,
    x509SvidTtl,
    jwtSvidTtl,
    federatesWith,
    admin,
    downstream,
    expiresAt,
    dnsNames,
    revisionNumber,
    storeSvid,
    hint,
    createdAt,
    additionalAttributes: attributes,
  } = entry;
  return JSON.stringify([
    ...[id, spiffeId, parentId, selectors, x509SvidTtl, jwtSvidTtl, federatesWith, admin, downstream, expiresAt],
    ...[dnsNames, revisionNumber, storeSvid, hint, createdAt],
    attributes ? [attributes.disableX509SvidPrefetch, attributes.jwtSvidIncludeJti] : null,
  ]);
}
