// Original file: proto/countersign/server/sync/v1/sync.proto


export interface Config {
  'status_interval'?: (number);
}

export interface Config__Output {
  'status_interval': (number);
}
