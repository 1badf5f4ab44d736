// Original file: proto/countersign/server/sync/v1/sync.proto


export interface Distrust {
  'authority_id'?: (string);
  'kind'?: (string);
}

export interface Distrust__Output {
  'authority_id': (string);
  'kind': (string);
}
