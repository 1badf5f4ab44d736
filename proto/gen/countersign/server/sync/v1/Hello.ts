// Original file: proto/countersign/server/sync/v1/sync.proto

import type { Held as _countersign_server_sync_v1_Held, Held__Output as _countersign_server_sync_v1_Held__Output } from '../../../../countersign/server/sync/v1/Held.ts';

export interface Hello {
  'protocol'?: (number);
  'capabilities'?: (string)[];
  'held'?: (_countersign_server_sync_v1_Held)[];
  'agent_version'?: (string);
}

export interface Hello__Output {
  'protocol': (number);
  'capabilities': (string)[];
  'held': (_countersign_server_sync_v1_Held__Output)[];
  'agent_version': (string);
}
