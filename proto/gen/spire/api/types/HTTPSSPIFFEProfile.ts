// Original file: proto/spire/api/types/types.proto


export interface HTTPSSPIFFEProfile {
  'endpoint_spiffe_id'?: (string);
}

export interface HTTPSSPIFFEProfile__Output {
  'endpoint_spiffe_id': (string);
}
