// Original file: proto/countersign/server/sync/v1/sync.proto

import type { AgentDelivery as _countersign_server_sync_v1_AgentDelivery, AgentDelivery__Output as _countersign_server_sync_v1_AgentDelivery__Output } from '../../../../countersign/server/sync/v1/AgentDelivery.ts';

export interface WaitAppliedResponse {
  'agents'?: (_countersign_server_sync_v1_AgentDelivery)[];
}

export interface WaitAppliedResponse__Output {
  'agents': (_countersign_server_sync_v1_AgentDelivery__Output)[];
}
