/** Connections and calls: what server, agent and CLI share. `transport/tls` and `transport/unix` can be had alone. */
export type { MethodDefinition } from "../proto/method.ts";
export type { BidiCall, CallOptions, RpcChannel } from "./client/channel.ts";
export type { KeepAlive } from "./client/connection-pool.ts";
export { type DialTlsOptions, dialTls } from "./client/dial-tls.ts";
export { type DialUnixOptions, dialUnix } from "./client/dial-unix.ts";
export { serverIdOf, verifyTrustDomainServer, WrongServerError } from "./client/trust-domain-server.ts";
export { commonErrors } from "./errors/common.ts";
export {
  defineErrors,
  type ErrorDetail,
  type ErrorSpec,
  type ErrorTable,
  type GrpcStatusName,
  grpcStatus,
  type PermissionDeniedReason,
  permissionDeniedReason,
  ServiceError,
  type ServiceErrorOptions,
} from "./errors/service-error.ts";
export { statusListenFailed } from "./errors/status-listener.ts";
export { transportErrors } from "./errors/transport.ts";
export { RpcRouter } from "./grpc/router.ts";
export type {
  BidiHandler,
  InterceptedCall,
  Interceptor,
  ListenerLimits,
  ResponseSink,
  RpcContext,
  ServerStreamHandler,
  UnaryHandler,
} from "./grpc/types.ts";
export { type TransportLimits, transportLimits } from "./limits.ts";
export type { Peer, ProcessHandle, TlsPeer, UnixPeer, VerifiedPeer } from "./peer.ts";
export { plainAddress } from "./plain-address.ts";
export { AddressRanges } from "./proxy-protocol/index.ts";
export { listenTls, type TlsListener, type TlsListenerOptions } from "./server/listen-tls.ts";
export type { Listener, ListenerAddress } from "./server/listener.ts";
export { type TransportMetrics, transportMetrics } from "./server/metrics.ts";
export type { ListenerOptions } from "./server/options.ts";
export type { TlsIdentity } from "./tls/index.ts";
export { hardenProcess } from "./unix/harden.ts";
export { listenUnix, type UnixListener, type UnixListenerOptions } from "./unix/listen.ts";
