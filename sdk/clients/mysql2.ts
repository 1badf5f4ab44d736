import type { Socket } from "node:net";
import { checkAuthorize } from "../authorize.ts";
import { checkSource, knownOptions } from "../known-options.ts";
import { workloadLimits } from "../limits.ts";
import type { X509Source } from "../source/x509-source.ts";
import type { VerifiedClientOptions } from "../tls/dial.ts";
import { UsageError } from "../usage-error.ts";
import { connectClient, readPlain, refusedTls } from "./connect.ts";
import { DeferredSocket } from "./deferred-socket.ts";
import {
  encodePacket,
  firstPacket,
  isSslRequest,
  type MysqlPacket,
  offersTls,
  payloadLength,
  Renumbering,
  splitForTls,
} from "./mysql-packets.ts";

interface MysqlConnection {
  readonly config?: { readonly host?: string | undefined; readonly port?: number | string | undefined } | undefined;
}

/** Options of `mysql2`'s connections and pools. */
export interface Mysql2Options {
  /** What opens each connection, with our verification. */
  readonly stream: (connection: MysqlConnection) => Socket;
  /**
   * No such socket is ever opened. It tells mysql2 that its connection is a secure one, and were `stream` not asked,
   * no server would be reached.
   */
  readonly socketPath: string;
}

/**
 * For `mysql2`, against MySQL and MariaDB: `createPool({ ...mysql2Options(source, { authorize }), host, database, user
 * })`. Each connection shows the newest SVID; neither user name, password nor anything else but the client's capability
 * flags goes to a server that was not verified against the bundle of its own trust domain (X509-SVID §5) and
 * authorised. Host names play no part. Leave `ssl` out: with it no connection comes about, since mysql2 has no place in
 * it for a verifier of ours.
 *
 * @throws UsageError ERR_AUTHORIZE_MISSING, ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID. Connections fail with
 * WorkloadError ERR_SOURCE_…; ServiceError ERR_CONNECT_FAILED, ERR_PEER_NOT_VERIFIED
 */
export function mysql2Options(source: X509Source, options: VerifiedClientOptions): Mysql2Options {
  checkSource(source, "mysql2Options");
  checkAuthorize(options, "mysql2Options");
  knownOptions(options, ["authorize"], "mysql2Options");
  return {
    stream: ({ config }) => new MysqlSocket(source, options, config?.host ?? "localhost", Number(config?.port ?? 3306)),
    socketPath: "countersign: TLS over TCP",
  };
}

/** The end of the authentication, in a packet's first byte: OK and ERR. */
const finals: readonly number[] = [0x00, 0xff];

/**
 * MySQL's TLS begins after the server's greeting with a packet of the client. mysql2 is told of none of it: it gets the
 * greeting, and what it answers is held back until the server was verified. For that packet more the sequence numbers
 * are one off until it is authenticated.
 */
class MysqlSocket extends DeferredSocket {
  #isAuthenticating = true;
  readonly #toLibrary = new Renumbering(-1, (firstByte) => {
    if (finals.includes(firstByte)) this.#isLast = true;
  });
  readonly #toServer = new Renumbering(1);
  #isLast = false;
  #isFirst = true;
  #said = Buffer.alloc(0);
  #answer: (packet: MysqlPacket) => void = () => {};

  constructor(source: X509Source, { authorize }: VerifiedClientOptions, host: string, port: number) {
    super();
    const answered = new Promise<MysqlPacket>((resolve) => {
      this.#answer = resolve;
    });
    const negotiate = async (socket: Socket): Promise<void> => {
      this.push(encodePacket(await greetingOf(socket)));
      const answer = await readPlain(socket, refuseMore, answered);
      if (isSslRequest(answer)) {
        throw new UsageError("ERR_ARGUMENT_INVALID", "leave `ssl` out: mysql2Options begins TLS itself", {
          fix: "leave `ssl` out of mysql2's options",
        });
      }
      socket.write(splitForTls(answer).request);
    };
    this.open(connectClient(source, authorize, { host, port, signal: this.signal, negotiate }));
  }

  protected override hold(chunk: Buffer, send: () => void): void {
    super.hold(chunk, send);
    this.#said = Buffer.concat([this.#said, chunk]);
    const packet = firstPacket(this.#said);
    if (packet !== undefined) this.#answer(packet);
  }

  protected override outgoing(chunk: Buffer): Buffer {
    if (!this.#isFirst) return this.#isAuthenticating ? this.#toServer.next(chunk) : chunk;
    this.#isFirst = false;
    const packet = firstPacket(chunk);
    return packet === undefined ? chunk : splitForTls(packet).response;
  }

  protected override incoming(chunk: Buffer): Buffer {
    if (!this.#isAuthenticating) return chunk;
    const renumbered = this.#toLibrary.next(chunk);
    // Nothing follows it before the client's first command.
    if (this.#isLast) this.#isAuthenticating = false;
    return renumbered;
  }
}

async function greetingOf(socket: Socket): Promise<MysqlPacket> {
  let said = Buffer.alloc(0);
  const greeting = await readPlain(socket, (from) => {
    const more: Buffer | null = from.read();
    if (more !== null) said = Buffer.concat([said, more]);
    if (payloadLength(said) > workloadLimits.mysqlGreetingBytes.value)
      throw refusedTls("begins with no greeting of MySQL");
    return firstPacket(said);
  });
  const [kind] = greeting.payload;
  if (kind === 0xff) {
    const code = greeting.payload.length < 3 ? "" : ` ${greeting.payload.readUInt16LE(1)}`;
    throw refusedTls(`refused the connection with error${code}`);
  }
  if (!offersTls(greeting.payload)) throw refusedTls("does not offer TLS");
  if (said.length > 4 + greeting.payload.length) throw refusedTls("said more than its greeting before TLS");
  return greeting;
}

function refuseMore(socket: Socket): undefined {
  if (socket.readableLength > 0) throw refusedTls("said more than its greeting before TLS");
  return undefined;
}
