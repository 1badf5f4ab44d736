import type { MethodDefinition } from "../../proto/method.ts";
import type { EndpointAddress } from "../../spiffe/index.ts";
import type { RpcChannel } from "../../transport/client/channel.ts";
import { dialTcp } from "../../transport/client/dial-tcp.ts";
import { dialUnix } from "../../transport/client/dial-unix.ts";
import { type GrpcStatusName, grpcStatus, ServiceError } from "../../transport/errors/service-error.ts";
import { WorkloadError, type WorkloadErrorCode } from "../errors.ts";

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

/** Larger answers are refused: hundreds of identities with big bundles stay below it. */
const maxReceiveMessageBytes = 64 * 1024 * 1024;

/** Does not connect yet. */
export function openWorkloadChannel(address: EndpointAddress): WorkloadChannel {
  const channel =
    address.kind === "unix"
      ? dialUnix({ path: address.path, maxReceiveMessageBytes })
      : dialTcp({ host: address.host, port: address.port, maxReceiveMessageBytes });
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

/** What the caller aborted rejects with the caller's own reason. */
function workloadError(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true || !(error instanceof ServiceError)) return error;
  const code = codes[error.status] ?? "ERR_WORKLOAD_API_UNAVAILABLE";
  const explains = !error.code.startsWith("ERR_RPC_");
  return new WorkloadError(code, error.message, {
    cause: error,
    grpcStatus: grpcStatus[error.status],
    ...(explains ? { reason: error.code, fix: error.fix } : {}),
  });
}
