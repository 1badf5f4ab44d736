// Original file: proto/countersign/server/sync/v1/sync.proto


export interface WaitAppliedRequest {
  'entry_ids'?: (string)[];
  'timeout_ms'?: (number);
}

export interface WaitAppliedRequest__Output {
  'entry_ids': (string)[];
  'timeout_ms': (number);
}
