import type { MethodDefinition } from "../../proto/method.ts";
import type { EndpointAddress } from "../../spiffe/index.ts";
import type { RpcChannel } from "../../transport/client/channel.ts";
import { dialTcp } from "../../transport/client/dial-tcp.ts";
import { dialUnix } from "../../transport/client/dial-unix.ts";
import { AnsweredError } from "../../transport/client/remote-error.ts";
import { type GrpcStatusName, grpcStatus, ServiceError } from "../../transport/errors/service-error.ts";
import { WorkloadError, type WorkloadErrorCode } from "../errors.ts";
import { workloadLimits } from "../limits.ts";

interface ChannelCallOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

/** Calls to the Workload API in bytes, with the security header that it demands; rejections are `WorkloadError`s. */
export interface WorkloadChannel {
  unary(path: string, request: Uint8Array, options: ChannelCallOptions): Promise<Uint8Array>;
  serverStream(path: string, request: Uint8Array, options: ChannelCallOptions): AsyncIterable<Uint8Array>;
  close(): void;
}

/** The Workload Endpoint refuses calls without it, so that a request forged through a browser gets nowhere (WEP-22). */
const metadata = { "workload.spiffe.io": "true" };

/** Does not connect yet. `connectTimeoutMs`: for the connection, and again for the other side's first word. */
export function openWorkloadChannel(address: EndpointAddress, connectTimeoutMs: number): WorkloadChannel {
  const options = { connectTimeoutMs, maxReceiveMessageBytes: workloadLimits.answerBytes.value };
  const channel =
    address.kind === "unix"
      ? dialUnix({ path: address.path, ...options })
      : dialTcp({ host: address.host, port: address.port, ...options });
  return new BytesChannel(channel);
}

class BytesChannel implements WorkloadChannel {
  readonly #channel: RpcChannel;

  constructor(channel: RpcChannel) {
    this.#channel = channel;
  }

  async unary(path: string, request: Uint8Array, options: ChannelCallOptions): Promise<Uint8Array> {
    try {
      return await this.#channel.unary(bytesMethod(path, false), request, { ...picked(options), metadata });
    } catch (error) {
      throw workloadError(error, options.signal);
    }
  }

  async *serverStream(
    path: string,
    request: Uint8Array,
    options: ChannelCallOptions,
  ): AsyncGenerator<Uint8Array, void> {
    try {
      yield* this.#channel.serverStream(bytesMethod(path, true), request, { ...picked(options), metadata });
    } catch (error) {
      throw workloadError(error, options.signal);
    }
  }

  close(): void {
    this.#channel.close();
  }
}

function picked({ signal, timeoutMs }: ChannelCallOptions): ChannelCallOptions {
  return { ...(signal === undefined ? {} : { signal }), ...(timeoutMs === undefined ? {} : { timeoutMs }) };
}

const same = <Bytes extends Uint8Array>(bytes: Bytes): Bytes => bytes;

function bytesMethod(
  path: string,
  responseStream: boolean,
): MethodDefinition<Uint8Array, Uint8Array, Uint8Array, Uint8Array> {
  return {
    path,
    requestStream: false,
    responseStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

const codes: Partial<Readonly<Record<GrpcStatusName, WorkloadErrorCode>>> = {
  permissionDenied: "ERR_WORKLOAD_API_DENIED",
  invalidArgument: "ERR_WORKLOAD_API_INVALID",
  unimplemented: "ERR_WORKLOAD_API_UNIMPLEMENTED",
};

/** What breaks gRPC itself. Not an answer, so it must neither end a watch nor withdraw anything. */
const brokenProtocol: ReadonlySet<string> = new Set([
  "ERR_CALL_PROTOCOL",
  "ERR_MALFORMED_REQUEST",
  "ERR_MESSAGE_TOO_LARGE",
  "ERR_UNIMPLEMENTED",
]);

/** What the caller aborted rejects with the caller's own reason. */
function workloadError(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true || !(error instanceof ServiceError)) return error;
  if (!(error instanceof AnsweredError)) {
    const isBroken = brokenProtocol.has(error.code);
    const code = isBroken ? "ERR_WORKLOAD_API_MALFORMED" : "ERR_WORKLOAD_API_UNAVAILABLE";
    return new WorkloadError(code, error.message, { cause: error });
  }
  const explains = !error.code.startsWith("ERR_RPC_");
  return new WorkloadError(codes[error.status] ?? "ERR_WORKLOAD_API_UNAVAILABLE", error.message, {
    cause: error,
    grpcStatus: grpcStatus[error.status],
    ...(explains ? { reason: error.code, fix: error.fix } : {}),
  });
}
