// Original file: proto/spire/api/types/types.proto


export interface HTTPSWebProfile {
}

export interface HTTPSWebProfile__Output {
}
