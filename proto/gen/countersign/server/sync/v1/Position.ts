// Original file: proto/countersign/server/sync/v1/sync.proto

import type { Long } from '@grpc/proto-loader';

export interface Position {
  'epoch'?: (string);
  'n'?: (number | string | Long);
}

export interface Position__Output {
  'epoch': (string);
  'n': (string);
}
