import type { Position } from "../../proto/domain/link.ts";
import type { SpiffeId } from "../../spiffe/index.ts";
import type { ServiceError } from "../../transport/errors/service-error.ts";

/** A session as the rest of the server sees it. */
export interface OpenSession {
  readonly agentId: SpiffeId;
  readonly acknowledged: Position | undefined;
  /** Everything that concerns the agent was sent and acknowledged. */
  readonly isUpToDate: boolean;
  /** Feed positions between the newest change that concerns the agent and what it acknowledged. */
  readonly lag: number;
  /** Changes that wait because the agent is slower than they come. */
  readonly queued: number;
  /** Position of the newest change that concerns the agent. */
  readonly newest: Position;
  /** Applied as far as `position`, and an SVID servable for each of `entryIds` that is prefetched. */
  hasApplied(position: Position, entryIds: readonly string[]): boolean;
  /** Told of the distrust of each of the authorities, and has replaced every SVID that rested on one. */
  hasReplaced(authorityIds: ReadonlySet<string>): boolean;
  end(error: ServiceError): void;
}
