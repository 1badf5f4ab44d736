// Original file: proto/countersign/server/sync/v1/sync.proto


export interface Status {
  'x509_svids'?: (number);
  'jwt_svids'?: (number);
  'workload_streams'?: (number);
}

export interface Status__Output {
  'x509_svids': (number);
  'jwt_svids': (number);
  'workload_streams': (number);
}
