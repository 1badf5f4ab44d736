// Original file: proto/countersign/server/localauthority/v1/revocation.proto


export interface DistrustRequest {
  'subject_key_ids'?: (string)[];
  'jwt_key_ids'?: (string)[];
  'remove'?: (boolean);
}

export interface DistrustRequest__Output {
  'subject_key_ids': (string)[];
  'jwt_key_ids': (string)[];
  'remove': (boolean);
}
