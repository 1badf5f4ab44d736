// Original file: proto/countersign/server/sync/v1/sync.proto

import type { SPIFFEID as _spire_api_types_SPIFFEID, SPIFFEID__Output as _spire_api_types_SPIFFEID__Output } from '../../../../spire/api/types/SPIFFEID.ts';

export interface AgentDelivery {
  'agent_id'?: (_spire_api_types_SPIFFEID | null);
  'state'?: (string);
}

export interface AgentDelivery__Output {
  'agent_id': (_spire_api_types_SPIFFEID__Output | null);
  'state': (string);
}
