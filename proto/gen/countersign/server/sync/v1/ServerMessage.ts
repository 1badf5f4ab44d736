// Original file: proto/countersign/server/sync/v1/sync.proto

import type { Welcome as _countersign_server_sync_v1_Welcome, Welcome__Output as _countersign_server_sync_v1_Welcome__Output } from '../../../../countersign/server/sync/v1/Welcome.ts';
import type { Page as _countersign_server_sync_v1_Page, Page__Output as _countersign_server_sync_v1_Page__Output } from '../../../../countersign/server/sync/v1/Page.ts';

export interface ServerMessage {
  'welcome'?: (_countersign_server_sync_v1_Welcome | null);
  'page'?: (_countersign_server_sync_v1_Page | null);
  'message'?: "welcome"|"page";
}

export interface ServerMessage__Output {
  'welcome'?: (_countersign_server_sync_v1_Welcome__Output | null);
  'page'?: (_countersign_server_sync_v1_Page__Output | null);
  'message'?: "welcome"|"page";
}
