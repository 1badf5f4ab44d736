// Original file: proto/countersign/server/localauthority/v1/revocation.proto

import type { Obstacle as _countersign_server_localauthority_v1_Obstacle, Obstacle__Output as _countersign_server_localauthority_v1_Obstacle__Output } from '../../../../countersign/server/localauthority/v1/Obstacle.ts';

export interface CheckRevocationResponse {
  'safe'?: (boolean);
  'obstacles'?: (_countersign_server_localauthority_v1_Obstacle)[];
  'unknowns'?: (string)[];
}

export interface CheckRevocationResponse__Output {
  'safe': (boolean);
  'obstacles': (_countersign_server_localauthority_v1_Obstacle__Output)[];
  'unknowns': (string)[];
}
