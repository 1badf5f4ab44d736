// Original file: proto/countersign/server/sync/v1/sync.proto


export interface Distrust {
  'authority_id'?: (string);
  'kind'?: (string);
  'spread_ms'?: (number);
}

export interface Distrust__Output {
  'authority_id': (string);
  'kind': (string);
  'spread_ms': (number);
}
