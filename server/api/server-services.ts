import type { AgentStanding } from "../authorization/index.ts";
import type { Issuance } from "../issuance/ports.ts";
import type { Listings, Registry } from "../registry/ports.ts";
import type { Store } from "../store/ports.ts";
import type { AttestAgentNeeds } from "./agent/attest-agent.ts";
import type { CreateJoinTokenNeeds } from "./agent/create-join-token.ts";
import type { GetAgentNeeds } from "./agent/get-agent.ts";
import type { RenewAgentNeeds } from "./agent/renew-agent.ts";
import type { GetInfoNeeds } from "./debug/get-info.ts";
import type { DownstreamNeeds } from "./downstream-needs.ts";
import type { BatchUpdateEntryNeeds } from "./entry/batch-update-entry.ts";
import type { GetAuthorizedEntriesNeeds } from "./entry/get-authorized-entries.ts";
import type { SyncAuthorizedEntriesNeeds } from "./entry/sync-authorized-entries.ts";
import type { CheckNeeds } from "./health/check.ts";
import type { LoggerNeeds } from "./logger/logger-levels.ts";
import type { DistrustNeeds } from "./revocation/distrust.ts";
import type { RevocationNeeds } from "./revocation/revoke.ts";
import type { AuthorizedNeeds } from "./svid/authorized.ts";
import type { ListConnectionsNeeds } from "./sync/list-connections.ts";
import type { OpenSyncNeeds } from "./sync/open.ts";
import type { WaitAppliedNeeds } from "./sync/wait-applied.ts";

/** What the RPCs need of the process around the core. */
export type HostServices = Pick<GetInfoNeeds, "ownSvid" | "uptimeSeconds"> & LoggerNeeds;

/** All that the RPCs need of the server; each of them names its part. */
export type ServerServices = CoreServices & HostServices;

/** The same without the process: all that agents and administrators work with. */
export type CoreServices = AttestAgentNeeds &
  AuthorizedNeeds &
  BatchUpdateEntryNeeds &
  CheckNeeds &
  CreateJoinTokenNeeds &
  DistrustNeeds &
  Omit<GetInfoNeeds, keyof HostServices> &
  DownstreamNeeds &
  GetAgentNeeds &
  GetAuthorizedEntriesNeeds &
  ListConnectionsNeeds &
  Omit<RevocationNeeds, keyof HostServices> &
  OpenSyncNeeds &
  RenewAgentNeeds &
  SyncAuthorizedEntriesNeeds &
  WaitAppliedNeeds & {
    readonly issuance: Issuance;
    readonly listings: Listings;
    readonly registry: Registry;
    readonly standing: AgentStanding;
    readonly store: Store;
  };
