import { createSecureContext, type SecureContext } from "node:tls";
import { encodePem } from "../../certs/index.ts";
import { systemRandom } from "../../runtime/core/index.ts";
import { secureContextOptions, type TlsIdentity } from "./context.ts";

export interface DomainContextParts {
  readonly identity: TlsIdentity | undefined;
  /** DER. Each is a trust anchor, self-signed or not; empty: nobody is trusted. */
  readonly roots: readonly Uint8Array[];
}

/**
 * A secure context for `tls.connect` that is made anew, of the newest parts, for each connection, however long the
 * object is kept: Node asks it for its `context` once per connection.
 *
 * Each has a session id context of its own, so that a session of an earlier connection cannot be resumed: OpenSSL ends
 * such a handshake. On a resumed one Node would not ask for the peer's identity.
 */
export function createDomainContext(parts: () => DomainContextParts): SecureContext {
  return {
    get context(): unknown {
      const { identity, roots } = parts();
      return createSecureContext({
        ...secureContextOptions(identity),
        ca: roots.map((der) => encodePem("CERTIFICATE", der)),
        allowPartialTrustChain: true,
        sessionIdContext: Buffer.from(systemRandom.bytes(16)).toString("hex"),
      }).context;
    },
  };
}
