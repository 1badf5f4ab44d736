import type { Position, ResourceType, SyncPage, SyncResource } from "../../proto/domain/link.ts";
import { agentErrors } from "../errors.ts";
import { agentLimits } from "../limits.ts";

/** All pages of one change, to be applied as a whole. */
export interface ChangeSet {
  readonly type: ResourceType;
  readonly isSnapshot: boolean;
  readonly position: Position;
  readonly resources: readonly SyncResource[];
  readonly removed: readonly string[];
  readonly digest: string | undefined;
}

interface Unfinished {
  isSnapshot: boolean;
  readonly resources: SyncResource[];
  readonly removed: string[];
}

/** Puts pages together, each type for itself. Nothing of a change set is seen before its last page is here. */
export class ChangeSetAssembler {
  readonly #unfinished = new Map<ResourceType, Unfinished>();

  /** Is a change set of this type under way? */
  isUnfinished(type: ResourceType): boolean {
    return this.#unfinished.has(type);
  }

  /**
   * @returns the change set when `page` is its last
   * @throws ServiceError `ERR_SYNC_PROTOCOL` beyond `agentLimits.changeSetResources`
   */
  add(page: SyncPage): ChangeSet | undefined {
    // A snapshot begins anew whatever came before it.
    const begun = page.snapshotStart ? undefined : this.#unfinished.get(page.type);
    const set = begun ?? { isSnapshot: page.snapshotStart, resources: [], removed: [] };
    for (const resource of page.resources) set.resources.push(resource);
    for (const key of page.removed) set.removed.push(key);
    if (set.resources.length + set.removed.length > agentLimits.changeSetResources.value) {
      throw agentErrors.error("ERR_SYNC_PROTOCOL", `a change set of type ${page.type} has too many resources`);
    }
    if (!page.last) {
      this.#unfinished.set(page.type, set);
      return undefined;
    }
    this.#unfinished.delete(page.type);
    return { type: page.type, position: page.position, digest: page.digest, ...set };
  }
}
