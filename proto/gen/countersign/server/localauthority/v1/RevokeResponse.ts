// Original file: proto/countersign/server/localauthority/v1/revocation.proto

import type { AuthorityState as _spire_api_server_localauthority_v1_AuthorityState, AuthorityState__Output as _spire_api_server_localauthority_v1_AuthorityState__Output } from '../../../../spire/api/server/localauthority/v1/AuthorityState.ts';
import type { Obstacle as _countersign_server_localauthority_v1_Obstacle, Obstacle__Output as _countersign_server_localauthority_v1_Obstacle__Output } from '../../../../countersign/server/localauthority/v1/Obstacle.ts';

export interface RevokeResponse {
  'revoked_authority'?: (_spire_api_server_localauthority_v1_AuthorityState | null);
  'obstacles'?: (_countersign_server_localauthority_v1_Obstacle)[];
  'unknowns'?: (string)[];
}

export interface RevokeResponse__Output {
  'revoked_authority': (_spire_api_server_localauthority_v1_AuthorityState__Output | null);
  'obstacles': (_countersign_server_localauthority_v1_Obstacle__Output)[];
  'unknowns': (string)[];
}
