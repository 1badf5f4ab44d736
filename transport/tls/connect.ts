import { isIP, type Socket } from "node:net";
import { connect, createSecureContext, type TLSSocket } from "node:tls";
import type { Certificate } from "../../certs/index.ts";
import { transportErrors } from "../errors/transport.ts";
import { isAgreed } from "./alpn.ts";
import { secureContextOptions, type TlsIdentity } from "./context.ts";
import { readPeerChain } from "./peer-chain.ts";
import { handshakeFailure } from "./tls-failure.ts";

export interface ConnectTlsOptions<Verified> {
  readonly host: string;
  readonly port: number;
  /** Shown when the server asks; without it the client is anonymous. */
  readonly identity?: TlsIdentity;
  /** Judges the server's chain (leaf first, never empty) and throws to refuse it. Before it returned nothing is sent. */
  readonly verifyPeer: (chain: readonly Certificate[]) => Verified;
  /** The server must choose one of these, unless `allowsNoAlpn` and it knows no ALPN at all. Empty: no ALPN is offered. */
  readonly alpnProtocols: readonly string[];
  readonly allowsNoAlpn?: boolean;
  /** A TCP connection that is there already, with nothing left to read: TLS begins on it. `host` and `port` name it. */
  readonly over?: Socket;
  readonly signal?: AbortSignal;
}

export interface VerifiedTls<Verified> {
  /** No byte of application data has been sent or taken yet. */
  readonly socket: TLSSocket;
  readonly verified: Verified;
}

/**
 * Connects with TLS 1.3 and hands the connection over only after `verifyPeer` agreed. Rejects `ERR_CONNECT_FAILED`,
 * `ERR_PEER_NOT_VERIFIED` (the verifier's error is the cause), or the reason of the signal.
 */
export function connectVerifiedTls<Verified>(options: ConnectTlsOptions<Verified>): Promise<VerifiedTls<Verified>> {
  const { host, port, over, signal, alpnProtocols } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      over?.destroy();
      reject(signal.reason);
      return;
    }
    const socket = connect({
      ...(over === undefined ? { host, port } : { socket: over }),
      // An IP address is no server name (RFC 6066 §3), and Node 26 refuses it.
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(alpnProtocols.length === 0 ? {} : { ALPNProtocols: [...alpnProtocols] }),
      secureContext: createSecureContext(secureContextOptions(options.identity)),
      // OpenSSL has no roots and would refuse everybody; `verifyPeer` decides instead, below.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
    const fail = (error: unknown): void => {
      signal?.removeEventListener("abort", onAbort);
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(signal?.reason);
    const onError = (cause: Error): void => {
      const text = `cannot connect to ${host}:${port}: ${handshakeFailure(cause).message || "refused"}`;
      fail(transportErrors.error("ERR_CONNECT_FAILED", text, { cause }));
    };
    const onClose = (): void => onError(new Error("the other side closed the connection"));
    signal?.addEventListener("abort", onAbort, { once: true });
    socket.once("error", onError);
    socket.once("close", onClose);
    socket.once("secureConnect", () => {
      socket.off("close", onClose);
      try {
        const verified = judge(socket, options);
        signal?.removeEventListener("abort", onAbort);
        socket.off("error", onError);
        socket.on("error", () => {
          // Whoever takes the socket hears of its end through "close"; an error alone must not end the process.
        });
        resolve({ socket, verified });
      } catch (error) {
        fail(error);
      }
    });
  });
}

function judge<Verified>(socket: TLSSocket, { host, port, ...options }: ConnectTlsOptions<Verified>): Verified {
  if (socket.isSessionReused()) throw notVerified(`${host}:${port} resumed a session nobody offered`);
  if (!isAgreed(socket, options)) {
    const text = `${host}:${port} does not speak ${options.alpnProtocols.join(" or ")}`;
    throw transportErrors.error("ERR_CONNECT_FAILED", text);
  }
  try {
    const chain = readPeerChain(socket);
    if (chain.length === 0) throw new Error("it showed no certificate");
    return options.verifyPeer(chain);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw notVerified(`${host}:${port} is not who it should be: ${reason}`, cause);
  }
}

function notVerified(message: string, cause?: unknown): Error {
  return transportErrors.error("ERR_PEER_NOT_VERIFIED", message, cause === undefined ? {} : { cause });
}
