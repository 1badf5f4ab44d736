/**
 * `@countersign/workload/grpc`: grpc-js with SPIFFE identities. Apart, since it imports `@grpc/grpc-js`, which whoever
 * uses it has installed (1.14 or newer); nothing else of the SDK does.
 */
export { grpcBearerInterceptor } from "./bearer-interceptor.ts";
export { type GrpcChannelOptions, grpcChannelCredentials } from "./channel-credentials.ts";
export { grpcJwtCredentials } from "./jwt-credentials.ts";
export { createGrpcServer, type GrpcServerOptions, type SourceGrpcServer } from "./server.ts";
