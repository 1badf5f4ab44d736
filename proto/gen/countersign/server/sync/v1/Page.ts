// Original file: proto/countersign/server/sync/v1/sync.proto

import type { Position as _countersign_server_sync_v1_Position, Position__Output as _countersign_server_sync_v1_Position__Output } from '../../../../countersign/server/sync/v1/Position.ts';
import type { Resource as _countersign_server_sync_v1_Resource, Resource__Output as _countersign_server_sync_v1_Resource__Output } from '../../../../countersign/server/sync/v1/Resource.ts';

export interface Page {
  'type'?: (string);
  'snapshot_start'?: (boolean);
  'last'?: (boolean);
  'position'?: (_countersign_server_sync_v1_Position | null);
  'resources'?: (_countersign_server_sync_v1_Resource)[];
  'removed'?: (string)[];
  'digest'?: (Buffer | Uint8Array | string);
}

export interface Page__Output {
  'type': (string);
  'snapshot_start': (boolean);
  'last': (boolean);
  'position': (_countersign_server_sync_v1_Position__Output | null);
  'resources': (_countersign_server_sync_v1_Resource__Output)[];
  'removed': (string)[];
  'digest': (Buffer);
}
