import { ChannelCredentials, ServerInterceptingCall } from "@grpc/grpc-js";
import { UsageError } from "../usage-error.ts";

/**
 * An older grpc-js would not call what we add, or not show `peerOf` who a call is from: better said at once.
 * @throws UsageError ERR_LIBRARY_UNSUITED with a grpc-js before 1.14
 */
export function checkGrpcJs(factory: string): void {
  const isNew =
    "_createSecureConnector" in ChannelCredentials.createInsecure() &&
    "getAuthContext" in ServerInterceptingCall.prototype;
  if (!isNew) {
    throw new UsageError("ERR_LIBRARY_UNSUITED", `${factory} needs @grpc/grpc-js 1.14 or newer`, {
      fix: "npm i @grpc/grpc-js@^1.14, and let no older one be nearer to this package",
    });
  }
}
