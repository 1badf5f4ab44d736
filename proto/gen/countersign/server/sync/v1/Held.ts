// Original file: proto/countersign/server/sync/v1/sync.proto

import type { Position as _countersign_server_sync_v1_Position, Position__Output as _countersign_server_sync_v1_Position__Output } from '../../../../countersign/server/sync/v1/Position.ts';

export interface Held {
  'type'?: (string);
  'position'?: (_countersign_server_sync_v1_Position | null);
}

export interface Held__Output {
  'type': (string);
  'position': (_countersign_server_sync_v1_Position__Output | null);
}
