import { ChannelCredentials, ServerInterceptingCall } from "@grpc/grpc-js";

/**
 * An older grpc-js would not call what we add, or not show `peerOf` who a call is from: better said at once.
 * @throws TypeError with a grpc-js before 1.14
 */
export function checkGrpcJs(factory: string): void {
  const isNew =
    "_createSecureConnector" in ChannelCredentials.createInsecure() &&
    "getAuthContext" in ServerInterceptingCall.prototype;
  if (!isNew) throw new TypeError(`${factory} needs @grpc/grpc-js 1.14 or newer`);
}
