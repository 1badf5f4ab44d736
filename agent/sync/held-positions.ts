import { type Position, type ResourceType, resourceTypes, type SyncHello } from "../../proto/domain/link.ts";

/** How far the agent has come, for each type of resource. */
export class HeldPositions {
  readonly #held = new Map<ResourceType, Position>();

  get(type: ResourceType): Position | undefined {
    return this.#held.get(type);
  }

  set(type: ResourceType, position: Position): void {
    this.#held.set(type, position);
  }

  /** The next hello will ask for a snapshot of this type. */
  forget(type: ResourceType): void {
    this.#held.delete(type);
  }

  clear(): void {
    this.#held.clear();
  }

  /** An older position of the same epoch: what it brings has been applied, and undone in part, already. */
  isPast(type: ResourceType, position: Position): boolean {
    const held = this.#held.get(type);
    return held !== undefined && held.epoch === position.epoch && position.n < held.n;
  }

  list(): SyncHello["held"] {
    return resourceTypes.flatMap((type) => {
      const position = this.#held.get(type);
      return position === undefined ? [] : [{ type, position }];
    });
  }
}
