// Original file: proto/countersign/server/sync/v1/sync.proto

import type { Entry as _spire_api_types_Entry, Entry__Output as _spire_api_types_Entry__Output } from '../../../../spire/api/types/Entry.ts';
import type { Bundle as _spire_api_types_Bundle, Bundle__Output as _spire_api_types_Bundle__Output } from '../../../../spire/api/types/Bundle.ts';
import type { Distrust as _countersign_server_sync_v1_Distrust, Distrust__Output as _countersign_server_sync_v1_Distrust__Output } from '../../../../countersign/server/sync/v1/Distrust.ts';
import type { Config as _countersign_server_sync_v1_Config, Config__Output as _countersign_server_sync_v1_Config__Output } from '../../../../countersign/server/sync/v1/Config.ts';

export interface Resource {
  'entry'?: (_spire_api_types_Entry | null);
  'bundle'?: (_spire_api_types_Bundle | null);
  'distrust'?: (_countersign_server_sync_v1_Distrust | null);
  'config'?: (_countersign_server_sync_v1_Config | null);
  'resource'?: "entry"|"bundle"|"distrust"|"config";
}

export interface Resource__Output {
  'entry'?: (_spire_api_types_Entry__Output | null);
  'bundle'?: (_spire_api_types_Bundle__Output | null);
  'distrust'?: (_countersign_server_sync_v1_Distrust__Output | null);
  'config'?: (_countersign_server_sync_v1_Config__Output | null);
  'resource'?: "entry"|"bundle"|"distrust"|"config";
}
