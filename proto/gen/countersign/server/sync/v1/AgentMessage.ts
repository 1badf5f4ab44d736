// Original file: proto/countersign/server/sync/v1/sync.proto

import type { Hello as _countersign_server_sync_v1_Hello, Hello__Output as _countersign_server_sync_v1_Hello__Output } from '../../../../countersign/server/sync/v1/Hello.ts';
import type { Ack as _countersign_server_sync_v1_Ack, Ack__Output as _countersign_server_sync_v1_Ack__Output } from '../../../../countersign/server/sync/v1/Ack.ts';
import type { Status as _countersign_server_sync_v1_Status, Status__Output as _countersign_server_sync_v1_Status__Output } from '../../../../countersign/server/sync/v1/Status.ts';

export interface AgentMessage {
  'hello'?: (_countersign_server_sync_v1_Hello | null);
  'ack'?: (_countersign_server_sync_v1_Ack | null);
  'status'?: (_countersign_server_sync_v1_Status | null);
  'message'?: "hello"|"ack"|"status";
}

export interface AgentMessage__Output {
  'hello'?: (_countersign_server_sync_v1_Hello__Output | null);
  'ack'?: (_countersign_server_sync_v1_Ack__Output | null);
  'status'?: (_countersign_server_sync_v1_Status__Output | null);
  'message'?: "hello"|"ack"|"status";
}
