import { constants, type KeyObject } from "node:crypto";
import type { SecureContextOptions } from "node:tls";
import { encodePem } from "../../certs/index.ts";

/** What one side shows of itself. */
export interface TlsIdentity {
  /** DER, leaf first, no trust anchors. */
  readonly chain: readonly Uint8Array[];
  readonly key: KeyObject;
}

/**
 * TLS 1.3 only, no tickets, and no roots at all: `ca: []` keeps the default and NODE_EXTRA_CA_CERTS roots out, so
 * that OpenSSL authorises nobody and our verifier is the only judge (and Node hands out the peer's whole chain).
 */
export function secureContextOptions(identity: TlsIdentity | undefined): SecureContextOptions {
  return {
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
    secureOptions: constants.SSL_OP_NO_TICKET,
    ca: [],
    sessionIdContext: "countersign",
    ...(identity === undefined ? {} : ownCredentials(identity)),
  };
}

function ownCredentials({ chain, key }: TlsIdentity): SecureContextOptions {
  const pem = key.export({ type: "pkcs8", format: "pem" });
  return { cert: chain.map((der) => encodePem("CERTIFICATE", der)).join(""), key: pem };
}
