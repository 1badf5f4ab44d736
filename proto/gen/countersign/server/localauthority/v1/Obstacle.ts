// Original file: proto/countersign/server/localauthority/v1/revocation.proto

import type { SPIFFEID as _spire_api_types_SPIFFEID, SPIFFEID__Output as _spire_api_types_SPIFFEID__Output } from '../../../../spire/api/types/SPIFFEID.ts';
import type { Long } from '@grpc/proto-loader';

export interface Obstacle {
  'reason'?: (string);
  'message'?: (string);
  'agent_id'?: (_spire_api_types_SPIFFEID | null);
  'until'?: (number | string | Long);
}

export interface Obstacle__Output {
  'reason': (string);
  'message': (string);
  'agent_id': (_spire_api_types_SPIFFEID__Output | null);
  'until': (string);
}
