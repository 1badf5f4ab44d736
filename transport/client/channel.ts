import type { MethodDefinition } from "../../proto/method.ts";
import { transportErrors } from "../errors/transport.ts";
import { type CallOptions, type CallTarget, ClientCall, connectionLost } from "./call.ts";
import type { ConnectionPool } from "./connection-pool.ts";

export type { CallOptions } from "./call.ts";

/**
 * Calls to one address over one connection, made at the first call and again after it was lost. It fails fast: no
 * retry, no back-off; those belong to callers. Rejections are `ServiceError` (or the reason of the aborted signal):
 * of the other side with its code, `ERR_CONNECT_FAILED`, `ERR_CONNECTION_LOST`, `ERR_PEER_NOT_VERIFIED`,
 * `ERR_DEADLINE_EXCEEDED`, `ERR_MESSAGE_TOO_LARGE`, `ERR_CALL_PROTOCOL`.
 */
export interface RpcChannel {
  unary<Request, Response, RequestOut, ResponseOut>(
    definition: MethodDefinition<Request, Response, RequestOut, ResponseOut>,
    request: Request,
    options?: CallOptions,
  ): Promise<ResponseOut>;
  /** The call is made at once. Leaving the iteration early cancels it. */
  serverStream<Request, Response, RequestOut, ResponseOut>(
    definition: MethodDefinition<Request, Response, RequestOut, ResponseOut>,
    request: Request,
    options?: CallOptions,
  ): AsyncIterable<ResponseOut>;
  bidi<Request, Response, RequestOut, ResponseOut>(
    definition: MethodDefinition<Request, Response, RequestOut, ResponseOut>,
    options?: CallOptions,
  ): BidiCall<Request, ResponseOut>;
  /** Lets open calls run to their end, then closes the connection. Later calls are refused. */
  drain(): void;
  /** Ends open calls with `ERR_CONNECTION_LOST` and closes the connection. Later calls are refused. */
  close(): void;
}

export interface BidiCall<Request, ResponseOut> {
  /** Queues a message; also before the connection is there. Ignored once the call is over. */
  send(request: Request): void;
  /** Nothing more will be sent. */
  end(): void;
  cancel(): void;
  /** Read once. Throws the call's error after the last answer. */
  readonly responses: AsyncIterable<ResponseOut>;
}

export class Http2Channel implements RpcChannel {
  readonly #pool: ConnectionPool;
  readonly #target: Omit<CallTarget, "path">;

  constructor(pool: ConnectionPool, target: Omit<CallTarget, "path">) {
    this.#pool = pool;
    this.#target = target;
  }

  async unary<Request, Response, RequestOut, ResponseOut>(
    definition: MethodDefinition<Request, Response, RequestOut, ResponseOut>,
    request: Request,
    options: CallOptions = {},
  ): Promise<ResponseOut> {
    const bytes = definition.requestSerialize(request);
    const first = this.#begin(definition.path, options, bytes);
    try {
      return await onlyAnswer(definition, first);
    } catch (error) {
      if (!first.wasRefused) throw error;
      return await onlyAnswer(definition, this.#begin(definition.path, options, bytes));
    }
  }

  serverStream<Request, Response, RequestOut, ResponseOut>(
    definition: MethodDefinition<Request, Response, RequestOut, ResponseOut>,
    request: Request,
    options: CallOptions = {},
  ): AsyncIterable<ResponseOut> {
    return answers(definition, this.#begin(definition.path, options, definition.requestSerialize(request)));
  }

  bidi<Request, Response, RequestOut, ResponseOut>(
    definition: MethodDefinition<Request, Response, RequestOut, ResponseOut>,
    options: CallOptions = {},
  ): BidiCall<Request, ResponseOut> {
    const call = this.#begin(definition.path, options);
    return {
      send: (request) => call.send(definition.requestSerialize(request)),
      end: () => call.end(),
      cancel: () => call.cancel(transportErrors.error("ERR_CALL_CANCELLED", "the call was cancelled")),
      responses: answers(definition, call),
    };
  }

  drain(): void {
    this.#pool.drain();
  }

  close(): void {
    this.#pool.close();
  }

  #begin(path: string, options: CallOptions, request?: Uint8Array): ClientCall {
    const call = new ClientCall({ ...this.#target, path }, options);
    if (request !== undefined) {
      call.send(request);
      call.end();
    }
    if (!call.isOver) void this.#start(call);
    return call;
  }

  async #start(call: ClientCall): Promise<void> {
    try {
      call.start(await this.#pool.connection());
    } catch (error) {
      call.cancel(connectionLost(error));
    }
  }
}

interface AnswerDecoder<ResponseOut> {
  readonly responseDeserialize: (bytes: Buffer) => ResponseOut;
}

function decodeAnswer<ResponseOut>(definition: AnswerDecoder<ResponseOut>, bytes: Buffer): ResponseOut {
  try {
    return definition.responseDeserialize(bytes);
  } catch (cause) {
    throw transportErrors.error("ERR_CALL_PROTOCOL", "the answer does not decode", { cause });
  }
}

async function onlyAnswer<ResponseOut>(definition: AnswerDecoder<ResponseOut>, call: ClientCall): Promise<ResponseOut> {
  let answer: Buffer | undefined;
  for await (const message of call.messages) {
    if (answer !== undefined) throw transportErrors.error("ERR_CALL_PROTOCOL", "more than one answer");
    answer = message;
  }
  if (answer === undefined) throw transportErrors.error("ERR_CALL_PROTOCOL", "the call ended without an answer");
  return decodeAnswer(definition, answer);
}

async function* answers<ResponseOut>(
  definition: AnswerDecoder<ResponseOut>,
  call: ClientCall,
): AsyncGenerator<ResponseOut, void, void> {
  for await (const message of call.messages) yield decodeAnswer(definition, message);
}
