// Original file: proto/countersign/server/sync/v1/sync.proto


export interface Welcome {
  'protocol'?: (number);
  'capabilities'?: (string)[];
  'server_version'?: (string);
  'server_id'?: (string);
}

export interface Welcome__Output {
  'protocol': (number);
  'capabilities': (string)[];
  'server_version': (string);
  'server_id': (string);
}
