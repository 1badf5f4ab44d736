import type { AgentStanding } from "../authorization/index.ts";
import type { Issuance } from "../issuance/ports.ts";
import type { Listings, Registry } from "../registry/ports.ts";
import type { Store } from "../store/ports.ts";
import type { AttestAgentNeeds } from "./agent/attest-agent.ts";
import type { CreateJoinTokenNeeds } from "./agent/create-join-token.ts";
import type { GetAgentNeeds } from "./agent/get-agent.ts";
import type { RenewAgentNeeds } from "./agent/renew-agent.ts";
import type { BatchUpdateEntryNeeds } from "./entry/batch-update-entry.ts";
import type { CheckNeeds } from "./health/check.ts";
import type { AuthorizedNeeds } from "./svid/authorized.ts";
import type { ListConnectionsNeeds } from "./sync/list-connections.ts";
import type { OpenSyncNeeds } from "./sync/open.ts";
import type { WaitAppliedNeeds } from "./sync/wait-applied.ts";

/** All that the RPCs need of the server; each of them names its part. */
export type ServerServices = AttestAgentNeeds &
  AuthorizedNeeds &
  BatchUpdateEntryNeeds &
  CheckNeeds &
  CreateJoinTokenNeeds &
  GetAgentNeeds &
  ListConnectionsNeeds &
  OpenSyncNeeds &
  RenewAgentNeeds &
  WaitAppliedNeeds & {
    readonly issuance: Issuance;
    readonly listings: Listings;
    readonly registry: Registry;
    readonly standing: AgentStanding;
    readonly store: Store;
  };
