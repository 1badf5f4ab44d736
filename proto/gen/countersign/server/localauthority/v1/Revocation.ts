// Original file: proto/countersign/server/localauthority/v1/revocation.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CheckRevocationRequest as _countersign_server_localauthority_v1_CheckRevocationRequest, CheckRevocationRequest__Output as _countersign_server_localauthority_v1_CheckRevocationRequest__Output } from '../../../../countersign/server/localauthority/v1/CheckRevocationRequest.ts';
import type { CheckRevocationResponse as _countersign_server_localauthority_v1_CheckRevocationResponse, CheckRevocationResponse__Output as _countersign_server_localauthority_v1_CheckRevocationResponse__Output } from '../../../../countersign/server/localauthority/v1/CheckRevocationResponse.ts';
import type { DistrustRequest as _countersign_server_localauthority_v1_DistrustRequest, DistrustRequest__Output as _countersign_server_localauthority_v1_DistrustRequest__Output } from '../../../../countersign/server/localauthority/v1/DistrustRequest.ts';
import type { DistrustResponse as _countersign_server_localauthority_v1_DistrustResponse, DistrustResponse__Output as _countersign_server_localauthority_v1_DistrustResponse__Output } from '../../../../countersign/server/localauthority/v1/DistrustResponse.ts';
import type { RevokeRequest as _countersign_server_localauthority_v1_RevokeRequest, RevokeRequest__Output as _countersign_server_localauthority_v1_RevokeRequest__Output } from '../../../../countersign/server/localauthority/v1/RevokeRequest.ts';
import type { RevokeResponse as _countersign_server_localauthority_v1_RevokeResponse, RevokeResponse__Output as _countersign_server_localauthority_v1_RevokeResponse__Output } from '../../../../countersign/server/localauthority/v1/RevokeResponse.ts';

export interface RevocationClient extends grpc.Client {
  CheckRevocation(argument: _countersign_server_localauthority_v1_CheckRevocationRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_countersign_server_localauthority_v1_CheckRevocationResponse__Output>): grpc.ClientUnaryCall;
  CheckRevocation(argument: _countersign_server_localauthority_v1_CheckRevocationRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_countersign_server_localauthority_v1_CheckRevocationResponse__Output>): grpc.ClientUnaryCall;
  CheckRevocation(argument: _countersign_server_localauthority_v1_CheckRevocationRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_countersign_server_localauthority_v1_CheckRevocationResponse__Output>): grpc.ClientUnaryCall;
  CheckRevocation(argument: _countersign_server_localauthority_v1_CheckRevocationRequest, callback: grpc.requestCallback<_countersign_server_localauthority_v1_CheckRevocationResponse__Output>): grpc.ClientUnaryCall;
  checkRevocation(argument: _countersign_server_localauthority_v1_CheckRevocationRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_countersign_server_localauthority_v1_CheckRevocationResponse__Output>): grpc.ClientUnaryCall;
  checkRevocation(argument: _countersign_server_localauthority_v1_CheckRevocationRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_countersign_server_localauthority_v1_CheckRevocationResponse__Output>): grpc.ClientUnaryCall;
  checkRevocation(argument: _countersign_server_localauthority_v1_CheckRevocationRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_countersign_server_localauthority_v1_CheckRevocationResponse__Output>): grpc.ClientUnaryCall;
  checkRevocation(argument: _countersign_server_localauthority_v1_CheckRevocationRequest, callback: grpc.requestCallback<_countersign_server_localauthority_v1_CheckRevocationResponse__Output>): grpc.ClientUnaryCall;
  
  Distrust(argument: _countersign_server_localauthority_v1_DistrustRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_countersign_server_localauthority_v1_DistrustResponse__Output>): grpc.ClientUnaryCall;
  Distrust(argument: _countersign_server_localauthority_v1_DistrustRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_countersign_server_localauthority_v1_DistrustResponse__Output>): grpc.ClientUnaryCall;
  Distrust(argument: _countersign_server_localauthority_v1_DistrustRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_countersign_server_localauthority_v1_DistrustResponse__Output>): grpc.ClientUnaryCall;
  Distrust(argument: _countersign_server_localauthority_v1_DistrustRequest, callback: grpc.requestCallback<_countersign_server_localauthority_v1_DistrustResponse__Output>): grpc.ClientUnaryCall;
  distrust(argument: _countersign_server_localauthority_v1_DistrustRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_countersign_server_localauthority_v1_DistrustResponse__Output>): grpc.ClientUnaryCall;
  distrust(argument: _countersign_server_localauthority_v1_DistrustRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_countersign_server_localauthority_v1_DistrustResponse__Output>): grpc.ClientUnaryCall;
  distrust(argument: _countersign_server_localauthority_v1_DistrustRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_countersign_server_localauthority_v1_DistrustResponse__Output>): grpc.ClientUnaryCall;
  distrust(argument: _countersign_server_localauthority_v1_DistrustRequest, callback: grpc.requestCallback<_countersign_server_localauthority_v1_DistrustResponse__Output>): grpc.ClientUnaryCall;
  
  Revoke(argument: _countersign_server_localauthority_v1_RevokeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_countersign_server_localauthority_v1_RevokeResponse__Output>): grpc.ClientUnaryCall;
  Revoke(argument: _countersign_server_localauthority_v1_RevokeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_countersign_server_localauthority_v1_RevokeResponse__Output>): grpc.ClientUnaryCall;
  Revoke(argument: _countersign_server_localauthority_v1_RevokeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_countersign_server_localauthority_v1_RevokeResponse__Output>): grpc.ClientUnaryCall;
  Revoke(argument: _countersign_server_localauthority_v1_RevokeRequest, callback: grpc.requestCallback<_countersign_server_localauthority_v1_RevokeResponse__Output>): grpc.ClientUnaryCall;
  revoke(argument: _countersign_server_localauthority_v1_RevokeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_countersign_server_localauthority_v1_RevokeResponse__Output>): grpc.ClientUnaryCall;
  revoke(argument: _countersign_server_localauthority_v1_RevokeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_countersign_server_localauthority_v1_RevokeResponse__Output>): grpc.ClientUnaryCall;
  revoke(argument: _countersign_server_localauthority_v1_RevokeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_countersign_server_localauthority_v1_RevokeResponse__Output>): grpc.ClientUnaryCall;
  revoke(argument: _countersign_server_localauthority_v1_RevokeRequest, callback: grpc.requestCallback<_countersign_server_localauthority_v1_RevokeResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface RevocationHandlers extends grpc.UntypedServiceImplementation {
  CheckRevocation: grpc.handleUnaryCall<_countersign_server_localauthority_v1_CheckRevocationRequest__Output, _countersign_server_localauthority_v1_CheckRevocationResponse>;
  
  Distrust: grpc.handleUnaryCall<_countersign_server_localauthority_v1_DistrustRequest__Output, _countersign_server_localauthority_v1_DistrustResponse>;
  
  Revoke: grpc.handleUnaryCall<_countersign_server_localauthority_v1_RevokeRequest__Output, _countersign_server_localauthority_v1_RevokeResponse>;
  
}

export interface RevocationDefinition extends grpc.ServiceDefinition {
  CheckRevocation: MethodDefinition<_countersign_server_localauthority_v1_CheckRevocationRequest, _countersign_server_localauthority_v1_CheckRevocationResponse, _countersign_server_localauthority_v1_CheckRevocationRequest__Output, _countersign_server_localauthority_v1_CheckRevocationResponse__Output>
  Distrust: MethodDefinition<_countersign_server_localauthority_v1_DistrustRequest, _countersign_server_localauthority_v1_DistrustResponse, _countersign_server_localauthority_v1_DistrustRequest__Output, _countersign_server_localauthority_v1_DistrustResponse__Output>
  Revoke: MethodDefinition<_countersign_server_localauthority_v1_RevokeRequest, _countersign_server_localauthority_v1_RevokeResponse, _countersign_server_localauthority_v1_RevokeRequest__Output, _countersign_server_localauthority_v1_RevokeResponse__Output>
}
