// Original file: proto/countersign/server/localauthority/v1/revocation.proto

import type { Authority as _countersign_server_localauthority_v1_Authority, Authority__Output as _countersign_server_localauthority_v1_Authority__Output } from '../../../../countersign/server/localauthority/v1/Authority.ts';

export interface RevokeRequest {
  'authority'?: (_countersign_server_localauthority_v1_Authority | null);
  'force'?: (boolean);
}

export interface RevokeRequest__Output {
  'authority': (_countersign_server_localauthority_v1_Authority__Output | null);
  'force': (boolean);
}
