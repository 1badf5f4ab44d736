import type { Position, ResourceType, SyncPage, SyncResource } from "../../proto/domain/link.ts";
import { approximateEntryBytes } from "../domain/entry-size.ts";
import { serverLimits } from "../limits.ts";

export interface ChangeSet {
  readonly type: ResourceType;
  readonly isSnapshot: boolean;
  readonly position: Position;
  readonly resources: readonly SyncResource[];
  readonly removed: readonly string[];
  readonly digest: string | undefined;
}

/** Cuts one change set into pages; the agent applies it whole, at the last one. There is always at least one page. */
export function* cutPages(change: ChangeSet): Generator<SyncPage> {
  const { type, position } = change;
  let isFirst = true;
  let resources: SyncResource[] = [];
  let removed: string[] = [];
  let bytes = 0;
  const page = (last: boolean): SyncPage => {
    const snapshotStart = change.isSnapshot && isFirst;
    isFirst = false;
    const digest = last ? change.digest : undefined;
    return { kind: "page", type, snapshotStart, last, position, resources, removed, digest };
  };
  const isFull = (next: number): boolean => {
    const count = resources.length + removed.length;
    return (
      count >= serverLimits.syncPageResources.value || (count > 0 && bytes + next > serverLimits.syncPageBytes.value)
    );
  };
  for (const resource of change.resources) {
    const size = approximateBytes(resource);
    if (isFull(size)) {
      yield page(false);
      [resources, removed, bytes] = [[], [], 0];
    }
    resources.push(resource);
    bytes += size;
  }
  for (const key of change.removed) {
    if (isFull(key.length)) {
      yield page(false);
      [resources, removed, bytes] = [[], [], 0];
    }
    removed.push(key);
    bytes += key.length;
  }
  yield page(true);
}

/** Never less than half of the encoded size, which is all that is needed to stay under the message limit. */
function approximateBytes(resource: SyncResource): number {
  switch (resource.kind) {
    case "entry":
      return approximateEntryBytes(resource.entry);
    case "bundle":
      return (
        resource.bundle.x509Authorities.reduce((sum, { certificate }) => sum + certificate.der.length + 16, 64) +
        resource.bundle.jwtAuthorities.reduce((sum, { spkiDer, keyId }) => sum + spkiDer.length + keyId.length + 32, 0)
      );
    case "distrust":
    case "config":
      return 96;
  }
}
