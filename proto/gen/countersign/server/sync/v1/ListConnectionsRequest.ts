// Original file: proto/countersign/server/sync/v1/sync.proto


export interface ListConnectionsRequest {
}

export interface ListConnectionsRequest__Output {
}
