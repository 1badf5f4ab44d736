import type { SyncResource } from "../../proto/domain/link.ts";
import type { AgentIdentities } from "../identities/identities.ts";
import type { ChangeSet } from "./change-sets.ts";

type Kind = SyncResource["kind"];

/** Hands a change set to what it is about. One call, one step: watchers see all of it or nothing. */
export function applyChangeSet(
  set: ChangeSet,
  identities: Pick<AgentIdentities, "applyEntries" | "applyBundles" | "applyDistrust">,
  onStatusInterval: (seconds: number) => void,
): void {
  const { isSnapshot, removed } = set;
  switch (set.type) {
    case "entry": {
      const upserts = only(set.resources, "entry").map(({ entry }) => entry);
      identities.applyEntries({ isSnapshot, upserts, removed });
      return;
    }
    case "bundle": {
      const upserts = only(set.resources, "bundle").map(({ bundle }) => bundle);
      identities.applyBundles({ isSnapshot, upserts, removed });
      return;
    }
    case "distrust":
      identities.applyDistrust({ isSnapshot, upserts: only(set.resources, "distrust"), removed });
      return;
    case "config":
      for (const { statusIntervalSeconds } of only(set.resources, "config")) onStatusInterval(statusIntervalSeconds);
  }
}

/** A resource of another kind than its page's type is of a newer protocol; it is ignored. */
function only<K extends Kind>(
  resources: readonly SyncResource[],
  kind: K,
): readonly Extract<SyncResource, { readonly kind: K }>[] {
  return resources.filter(
    (resource): resource is Extract<SyncResource, { readonly kind: K }> => resource.kind === kind,
  );
}
