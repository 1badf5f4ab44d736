// Original file: proto/countersign/server/sync/v1/sync.proto

import type { Connection as _countersign_server_sync_v1_Connection, Connection__Output as _countersign_server_sync_v1_Connection__Output } from '../../../../countersign/server/sync/v1/Connection.ts';

export interface ListConnectionsResponse {
  'connections'?: (_countersign_server_sync_v1_Connection)[];
}

export interface ListConnectionsResponse__Output {
  'connections': (_countersign_server_sync_v1_Connection__Output)[];
}
