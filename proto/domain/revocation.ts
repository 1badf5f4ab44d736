import type { SpiffeId } from "../../spiffe/index.ts";

export const revocableKinds = ["x509", "jwt", "upstream"] as const;

/** What is to be revoked: a local authority, or a trust anchor above. */
export interface RevocableAuthority {
  readonly kind: (typeof revocableKinds)[number];
  readonly id: string;
}

export type ObstacleReason = "agent_svid" | "workload_svids" | "agent_away" | "jwt_svids" | "server_svid";

/** Something that still rests on an authority, and would be refused once it is revoked. */
export interface RevocationObstacle {
  readonly reason: ObstacleReason;
  /** A sentence for a person. */
  readonly message: string;
  readonly agentId: SpiffeId | undefined;
  /** Unix seconds: it has passed by then at the latest. */
  readonly until: number;
}

export interface RevocationCheck {
  readonly obstacles: readonly RevocationObstacle[];
  /** What the server cannot know; sentences for a person. */
  readonly unknowns: readonly string[];
}
