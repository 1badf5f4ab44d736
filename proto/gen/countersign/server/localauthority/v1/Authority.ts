// Original file: proto/countersign/server/localauthority/v1/revocation.proto


export interface Authority {
  'kind'?: (string);
  'id'?: (string);
}

export interface Authority__Output {
  'kind': (string);
  'id': (string);
}
