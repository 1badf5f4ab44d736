// Original file: proto/countersign/server/sync/v1/sync.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { AgentMessage as _countersign_server_sync_v1_AgentMessage, AgentMessage__Output as _countersign_server_sync_v1_AgentMessage__Output } from '../../../../countersign/server/sync/v1/AgentMessage.ts';
import type { ListConnectionsRequest as _countersign_server_sync_v1_ListConnectionsRequest, ListConnectionsRequest__Output as _countersign_server_sync_v1_ListConnectionsRequest__Output } from '../../../../countersign/server/sync/v1/ListConnectionsRequest.ts';
import type { ListConnectionsResponse as _countersign_server_sync_v1_ListConnectionsResponse, ListConnectionsResponse__Output as _countersign_server_sync_v1_ListConnectionsResponse__Output } from '../../../../countersign/server/sync/v1/ListConnectionsResponse.ts';
import type { ServerMessage as _countersign_server_sync_v1_ServerMessage, ServerMessage__Output as _countersign_server_sync_v1_ServerMessage__Output } from '../../../../countersign/server/sync/v1/ServerMessage.ts';
import type { WaitAppliedRequest as _countersign_server_sync_v1_WaitAppliedRequest, WaitAppliedRequest__Output as _countersign_server_sync_v1_WaitAppliedRequest__Output } from '../../../../countersign/server/sync/v1/WaitAppliedRequest.ts';
import type { WaitAppliedResponse as _countersign_server_sync_v1_WaitAppliedResponse, WaitAppliedResponse__Output as _countersign_server_sync_v1_WaitAppliedResponse__Output } from '../../../../countersign/server/sync/v1/WaitAppliedResponse.ts';

export interface SyncClient extends grpc.Client {
  ListConnections(argument: _countersign_server_sync_v1_ListConnectionsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_countersign_server_sync_v1_ListConnectionsResponse__Output>): grpc.ClientUnaryCall;
  ListConnections(argument: _countersign_server_sync_v1_ListConnectionsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_countersign_server_sync_v1_ListConnectionsResponse__Output>): grpc.ClientUnaryCall;
  ListConnections(argument: _countersign_server_sync_v1_ListConnectionsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_countersign_server_sync_v1_ListConnectionsResponse__Output>): grpc.ClientUnaryCall;
  ListConnections(argument: _countersign_server_sync_v1_ListConnectionsRequest, callback: grpc.requestCallback<_countersign_server_sync_v1_ListConnectionsResponse__Output>): grpc.ClientUnaryCall;
  listConnections(argument: _countersign_server_sync_v1_ListConnectionsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_countersign_server_sync_v1_ListConnectionsResponse__Output>): grpc.ClientUnaryCall;
  listConnections(argument: _countersign_server_sync_v1_ListConnectionsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_countersign_server_sync_v1_ListConnectionsResponse__Output>): grpc.ClientUnaryCall;
  listConnections(argument: _countersign_server_sync_v1_ListConnectionsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_countersign_server_sync_v1_ListConnectionsResponse__Output>): grpc.ClientUnaryCall;
  listConnections(argument: _countersign_server_sync_v1_ListConnectionsRequest, callback: grpc.requestCallback<_countersign_server_sync_v1_ListConnectionsResponse__Output>): grpc.ClientUnaryCall;
  
  Open(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_countersign_server_sync_v1_AgentMessage, _countersign_server_sync_v1_ServerMessage__Output>;
  Open(options?: grpc.CallOptions): grpc.ClientDuplexStream<_countersign_server_sync_v1_AgentMessage, _countersign_server_sync_v1_ServerMessage__Output>;
  open(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_countersign_server_sync_v1_AgentMessage, _countersign_server_sync_v1_ServerMessage__Output>;
  open(options?: grpc.CallOptions): grpc.ClientDuplexStream<_countersign_server_sync_v1_AgentMessage, _countersign_server_sync_v1_ServerMessage__Output>;
  
  WaitApplied(argument: _countersign_server_sync_v1_WaitAppliedRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_countersign_server_sync_v1_WaitAppliedResponse__Output>): grpc.ClientUnaryCall;
  WaitApplied(argument: _countersign_server_sync_v1_WaitAppliedRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_countersign_server_sync_v1_WaitAppliedResponse__Output>): grpc.ClientUnaryCall;
  WaitApplied(argument: _countersign_server_sync_v1_WaitAppliedRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_countersign_server_sync_v1_WaitAppliedResponse__Output>): grpc.ClientUnaryCall;
  WaitApplied(argument: _countersign_server_sync_v1_WaitAppliedRequest, callback: grpc.requestCallback<_countersign_server_sync_v1_WaitAppliedResponse__Output>): grpc.ClientUnaryCall;
  waitApplied(argument: _countersign_server_sync_v1_WaitAppliedRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_countersign_server_sync_v1_WaitAppliedResponse__Output>): grpc.ClientUnaryCall;
  waitApplied(argument: _countersign_server_sync_v1_WaitAppliedRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_countersign_server_sync_v1_WaitAppliedResponse__Output>): grpc.ClientUnaryCall;
  waitApplied(argument: _countersign_server_sync_v1_WaitAppliedRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_countersign_server_sync_v1_WaitAppliedResponse__Output>): grpc.ClientUnaryCall;
  waitApplied(argument: _countersign_server_sync_v1_WaitAppliedRequest, callback: grpc.requestCallback<_countersign_server_sync_v1_WaitAppliedResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface SyncHandlers extends grpc.UntypedServiceImplementation {
  ListConnections: grpc.handleUnaryCall<_countersign_server_sync_v1_ListConnectionsRequest__Output, _countersign_server_sync_v1_ListConnectionsResponse>;
  
  Open: grpc.handleBidiStreamingCall<_countersign_server_sync_v1_AgentMessage__Output, _countersign_server_sync_v1_ServerMessage>;
  
  WaitApplied: grpc.handleUnaryCall<_countersign_server_sync_v1_WaitAppliedRequest__Output, _countersign_server_sync_v1_WaitAppliedResponse>;
  
}

export interface SyncDefinition extends grpc.ServiceDefinition {
  ListConnections: MethodDefinition<_countersign_server_sync_v1_ListConnectionsRequest, _countersign_server_sync_v1_ListConnectionsResponse, _countersign_server_sync_v1_ListConnectionsRequest__Output, _countersign_server_sync_v1_ListConnectionsResponse__Output>
  Open: MethodDefinition<_countersign_server_sync_v1_AgentMessage, _countersign_server_sync_v1_ServerMessage, _countersign_server_sync_v1_AgentMessage__Output, _countersign_server_sync_v1_ServerMessage__Output>
  WaitApplied: MethodDefinition<_countersign_server_sync_v1_WaitAppliedRequest, _countersign_server_sync_v1_WaitAppliedResponse, _countersign_server_sync_v1_WaitAppliedRequest__Output, _countersign_server_sync_v1_WaitAppliedResponse__Output>
}
