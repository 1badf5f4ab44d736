// Original file: proto/spire/api/types/types.proto


export interface Selector {
  'type'?: (string);
  'value'?: (string);
}

export interface Selector__Output {
  'type': (string);
  'value': (string);
}
