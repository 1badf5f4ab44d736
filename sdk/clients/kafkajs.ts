import type { Socket } from "node:net";
import { checkAuthorize } from "../authorize.ts";
import { checkSource, knownOptions } from "../known-options.ts";
import type { X509Source } from "../source/x509-source.ts";
import type { VerifiedClientOptions } from "../tls/dial.ts";
import { connectClient } from "./connect.ts";
import { DeferredSocket } from "./deferred-socket.ts";

interface BrokerAddress {
  readonly host: string;
  readonly port: number;
  readonly onConnect: () => void;
}

/** Options of `kafkajs`' Kafka. */
export interface KafkajsOptions {
  /** What opens each connection, with our verification. */
  readonly socketFactory: (broker: BrokerAddress) => Socket;
  /** Trusts nobody: what would count if `socketFactory` did not. */
  readonly ssl: {
    /** No certificate. */
    readonly ca: string[];
    /** What OpenSSL does not accept is refused. */
    readonly rejectUnauthorized: true;
  };
}

/**
 * For `kafkajs`: `new Kafka({ ...kafkajsOptions(source, { authorize }), brokers })`. Each connection to each broker
 * shows the newest SVID; not one byte goes to a broker that was not verified against the bundle of its own trust domain
 * (X509-SVID §5) and authorised. Host names play no part.
 *
 * @throws UsageError ERR_AUTHORIZE_MISSING, ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID. Connections fail with what
 * kafkajs makes of ERR_SOURCE_…, ERR_CONNECT_FAILED, ERR_PEER_NOT_VERIFIED (its `cause.code`)
 */
export function kafkajsOptions(source: X509Source, options: VerifiedClientOptions): KafkajsOptions {
  checkSource(source, "kafkajsOptions");
  checkAuthorize(options, "kafkajsOptions");
  knownOptions(options, ["authorize"], "kafkajsOptions");
  return {
    ssl: { ca: [], rejectUnauthorized: true },
    socketFactory: (broker) => new BrokerSocket(source, options, broker),
  };
}

class BrokerSocket extends DeferredSocket {
  constructor(source: X509Source, { authorize }: VerifiedClientOptions, { host, port, onConnect }: BrokerAddress) {
    super();
    this.once("connect", onConnect);
    this.open(connectClient(source, authorize, { host, port, signal: this.signal }));
  }
}
