import type { PeerCertificate, SecureContext } from "node:tls";
import { Certificate } from "../../certs/index.ts";
import { checkLeaf, type TrustDomain } from "../../spiffe/index.ts";
import { createDomainContext, type DomainContextParts } from "../../transport/tls/index.ts";
import { readTrustDomain } from "../arguments.ts";
import { checkAuthorize, decide, trustDomainsOf } from "../authorize.ts";
import { WorkloadError } from "../errors.ts";
import { checkSource, knownOptions } from "../known-options.ts";
import type { IdentitySource } from "../source/identity-source.ts";
import type { X509Source } from "../source/x509-source.ts";
import type { VerifiedClientOptions } from "../tls/dial.ts";

/** What the options for libraries that take TLS options alone are made of. */
export interface ClientTlsOptions extends VerifiedClientOptions {
  /** The servers' trust domain. Default: that of the source's SVID. */
  readonly trustDomain?: TrustDomain | string;
}

/** Options of `tls.connect`. */
export interface TlsOptions {
  /** The newest SVID, and as roots the newest bundle of the trust domain, for each connection anew. */
  readonly secureContext: SecureContext;
  /** Asks `authorize` about the server's SPIFFE ID; the host name plays no part. */
  readonly checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined;
  /** What OpenSSL does not accept is refused. */
  readonly rejectUnauthorized: true;
  /** No certificate, so that a library that does not pass `secureContext` on trusts nobody. */
  readonly ca: string;
}

/**
 * TLS options for client libraries that hand them to `tls.connect` as they are and have no place for a connection of
 * ours: `@nats-io/transport-node` (`tls`), `nodemailer` with STARTTLS (`tls`, **with `requireTLS: true`**);
 * `ioredisOptions` and `mongodbOptions` are made of them. **They do not switch TLS on**: a library that is not told to
 * use it, by an option of its own, takes these options and sends its password in the clear (ioredis with sentinels,
 * mongodb, STARTTLS). OpenSSL decides on the chain there, so the options are bound to **one** trust domain, the
 * authorities of whose bundle are its roots; `authorize` decides on the SPIFFE ID. Host names play no part. TLS 1.3
 * only, and no session is ever resumed, since one that is would not be authorised. The same object serves for all
 * connections: each takes what is the newest then.
 *
 * Such a library must pass on `secureContext`, `checkServerIdentity` and `rejectUnauthorized`; one that does not pass
 * on the first reaches nobody, **one that passes on the first and not the second would let each member of the trust
 * domain be the server**: use a library only that the README names or that you have seen refuse the wrong id.
 *
 * @throws UsageError ERR_AUTHORIZE_MISSING, ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID; WorkloadError
 * ERR_TLS_OPTIONS_TRUST_DOMAIN when `authorize` names another trust domain or the source has no bundle for it,
 * ERR_SOURCE_…. Connections fail with WorkloadError ERR_SOURCE_…, ERR_PEER_UNAUTHORIZED, SpiffeError ERR_X509_SVID_…,
 * and OpenSSL's code when the chain does not verify
 */
export function tlsOptions(source: X509Source, options: ClientTlsOptions): TlsOptions {
  checkSource(source, "tlsOptions");
  checkAuthorize(options, "tlsOptions");
  knownOptions(options, ["authorize", "trustDomain"], "tlsOptions");
  const { authorize, trustDomain: named = source.svid.id.trustDomain } = options;
  const trustDomain = readTrustDomain(named, "`trustDomain` of tlsOptions");
  checkBinding(source, trustDomain, options);
  return {
    secureContext: createDomainContext(newestParts(source, trustDomain)),
    checkServerIdentity: (_host, { raw }) => {
      try {
        // Throws when it is gone or expired.
        void source.svid;
        const peer = checkLeaf(Certificate.parse(raw));
        if (!peer.isMemberOf(trustDomain)) {
          throw new WorkloadError("ERR_PEER_UNAUTHORIZED", `${peer} is not a member of ${trustDomain.name}`);
        }
        const decision = decide(authorize, peer);
        if (decision.allow) return undefined;
        return new WorkloadError("ERR_PEER_UNAUTHORIZED", decision.reason, { reason: decision.code });
      } catch (error) {
        return error instanceof Error ? error : new Error(String(error));
      }
    },
    rejectUnauthorized: true,
    ca: "none: the secure context has them",
  };
}

/**
 * When the identity is gone the last roots stay, and the connection is refused by `checkServerIdentity`, which can say
 * why.
 */
function newestParts(source: IdentitySource, trustDomain: TrustDomain): () => DomainContextParts {
  let roots: readonly Uint8Array[] = [];
  return () => {
    try {
      const { chain, key } = source.svid;
      roots = source.get(trustDomain)?.x509Authorities.map(({ certificate }) => certificate.der) ?? [];
      return { identity: { chain: chain.map(({ der }) => der), key }, roots };
    } catch {
      return { identity: undefined, roots };
    }
  };
}

function checkBinding(source: IdentitySource, trustDomain: TrustDomain, { authorize }: ClientTlsOptions): void {
  const others = trustDomainsOf(authorize).filter((name) => name !== trustDomain.name);
  if (others.length > 0) {
    const text = `these options are bound to ${trustDomain.name}, and \`authorize\` names ${others.join(", ")}`;
    throw new WorkloadError("ERR_TLS_OPTIONS_TRUST_DOMAIN", text);
  }
  if (source.get(trustDomain) === undefined) {
    throw new WorkloadError("ERR_TLS_OPTIONS_TRUST_DOMAIN", `there is no bundle for ${trustDomain.name}`);
  }
}
