// Original file: proto/countersign/server/sync/v1/sync.proto

import type { SPIFFEID as _spire_api_types_SPIFFEID, SPIFFEID__Output as _spire_api_types_SPIFFEID__Output } from '../../../../spire/api/types/SPIFFEID.ts';
import type { Position as _countersign_server_sync_v1_Position, Position__Output as _countersign_server_sync_v1_Position__Output } from '../../../../countersign/server/sync/v1/Position.ts';
import type { Status as _countersign_server_sync_v1_Status, Status__Output as _countersign_server_sync_v1_Status__Output } from '../../../../countersign/server/sync/v1/Status.ts';
import type { Long } from '@grpc/proto-loader';

export interface Connection {
  'agent_id'?: (_spire_api_types_SPIFFEID | null);
  'connected'?: (boolean);
  'last_seen'?: (number | string | Long);
  'acknowledged'?: (_countersign_server_sync_v1_Position | null);
  'head'?: (_countersign_server_sync_v1_Position | null);
  'agent_version'?: (string);
  'status'?: (_countersign_server_sync_v1_Status | null);
}

export interface Connection__Output {
  'agent_id': (_spire_api_types_SPIFFEID__Output | null);
  'connected': (boolean);
  'last_seen': (string);
  'acknowledged': (_countersign_server_sync_v1_Position__Output | null);
  'head': (_countersign_server_sync_v1_Position__Output | null);
  'agent_version': (string);
  'status': (_countersign_server_sync_v1_Status__Output | null);
}
