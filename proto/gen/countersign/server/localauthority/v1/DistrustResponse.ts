// Original file: proto/countersign/server/localauthority/v1/revocation.proto

import type { Bundle as _spire_api_types_Bundle, Bundle__Output as _spire_api_types_Bundle__Output } from '../../../../spire/api/types/Bundle.ts';

export interface DistrustResponse {
  'bundle'?: (_spire_api_types_Bundle | null);
}

export interface DistrustResponse__Output {
  'bundle': (_spire_api_types_Bundle__Output | null);
}
