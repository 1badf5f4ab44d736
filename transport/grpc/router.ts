import type { MethodDefinition } from "../../proto/method.ts";
import { commonErrors } from "../errors/common.ts";
import { transportLimits } from "../limits.ts";
import { hasMoreFields } from "./request-fields.ts";
import type {
  BidiHandler,
  InterceptedCall,
  Interceptor,
  ResponseSink,
  RpcContext,
  ServerStreamHandler,
  UnaryHandler,
} from "./types.ts";

/** One call as the wire sees it; what a registered method runs on. */
export interface WireCall {
  readonly context: RpcContext;
  /** Nobody waits for an answer any more. */
  readonly isOver: boolean;
  /** The single request message of a unary or server-streaming call. Rejects when the call is over. */
  request(): Promise<Buffer>;
  requests(): AsyncIterable<Buffer>;
  /** Resolves when the transport has taken the message. Rejects when the call is over. */
  send(message: Uint8Array): Promise<void>;
  /** The one answer of a unary call; the status goes out with it when the handler is done. */
  answer(message: Uint8Array): void;
}

export interface RegisteredMethod {
  readonly path: string;
  readonly kind: InterceptedCall["kind"];
  /** Resolves: the call ends with OK. Rejects: with the error's status. */
  run(call: WireCall): Promise<void>;
}

/** Which methods a listener serves, and what is around every call. Complete before it is given to a listener. */
export class RpcRouter {
  readonly #methods = new Map<string, RegisteredMethod>();
  readonly #interceptors: Interceptor[] = [];

  /**
   * Interceptors run in the order of `use`, the first outermost, before anything of the request is decoded: 4 MiB of
   * empty list items decode for seconds, which nobody may ask for who is refused anyway.
   */
  use(interceptor: Interceptor): this {
    this.#interceptors.push(interceptor);
    return this;
  }

  unary<Request, Response, RequestOut, ResponseOut>(
    definition: MethodDefinition<Request, Response, RequestOut, ResponseOut>,
    handler: UnaryHandler<RequestOut, Response>,
  ): this {
    return this.#register(definition, "unary", (call) =>
      this.#intercept({ context: call.context, kind: "unary" }, async () => {
        const request = decodeRequest(definition, await call.request());
        const response = await handler(request, call.context);
        if (!call.isOver) call.answer(encodeResponse(definition, response));
      }),
    );
  }

  serverStream<Request, Response, RequestOut, ResponseOut>(
    definition: MethodDefinition<Request, Response, RequestOut, ResponseOut>,
    handler: ServerStreamHandler<RequestOut, Response>,
  ): this {
    return this.#register(definition, "server-stream", (call) =>
      this.#intercept({ context: call.context, kind: "server-stream" }, async () => {
        const request = decodeRequest(definition, await call.request());
        await handler(request, call.context, responseSink(definition, call));
      }),
    );
  }

  bidi<Request, Response, RequestOut, ResponseOut>(
    definition: MethodDefinition<Request, Response, RequestOut, ResponseOut>,
    handler: BidiHandler<RequestOut, Response>,
  ): this {
    return this.#register(definition, "bidi", (call) =>
      this.#intercept({ context: call.context, kind: "bidi" }, () =>
        handler(decodeRequests(definition, call.requests()), call.context, responseSink(definition, call)),
      ),
    );
  }

  /** Full names of the services that have a method here, in order of the alphabet. */
  services(): readonly string[] {
    return [...new Set([...this.#methods.keys()].map((path) => path.slice(1, path.lastIndexOf("/"))))].sort();
  }

  method(path: string): RegisteredMethod | undefined {
    return this.#methods.get(path);
  }

  #register(
    definition: { readonly path: string; readonly requestStream: boolean; readonly responseStream: boolean },
    kind: RegisteredMethod["kind"],
    run: RegisteredMethod["run"],
  ): this {
    const { path, requestStream, responseStream } = definition;
    const declared = requestStream ? "bidi" : responseStream ? "server-stream" : "unary";
    if (declared !== kind) throw new TypeError(`${path} is declared as ${declared}, not ${kind}`);
    if (this.#methods.has(path)) throw new TypeError(`${path} has a handler already`);
    this.#methods.set(path, { path, kind, run });
    return this;
  }

  #intercept(call: InterceptedCall, handle: () => Promise<void>, from = 0): Promise<void> {
    const interceptor = this.#interceptors[from];
    return interceptor === undefined ? handle() : interceptor(call, () => this.#intercept(call, handle, from + 1));
  }
}

function decodeRequest<RequestOut>(
  definition: { readonly requestDeserialize: (bytes: Buffer) => RequestOut },
  bytes: Buffer,
): RequestOut {
  if (hasMoreFields(bytes, transportLimits.requestFields)) {
    throw commonErrors.error(
      "ERR_MESSAGE_TOO_LARGE",
      `the request has more than ${transportLimits.requestFields} items`,
    );
  }
  try {
    return definition.requestDeserialize(bytes);
  } catch (cause) {
    throw commonErrors.error("ERR_MALFORMED_REQUEST", "the request does not decode", { cause });
  }
}

async function* decodeRequests<RequestOut>(
  definition: { readonly requestDeserialize: (bytes: Buffer) => RequestOut },
  messages: AsyncIterable<Buffer>,
): AsyncGenerator<RequestOut, void, void> {
  for await (const bytes of messages) yield decodeRequest(definition, bytes);
}

interface ResponseEncoder<Response> {
  readonly responseSerialize: (value: Response) => Uint8Array;
}

function encodeResponse<Response>(definition: ResponseEncoder<Response>, response: Response | Uint8Array): Uint8Array {
  return response instanceof Uint8Array ? response : definition.responseSerialize(response);
}

function responseSink<Response>(definition: ResponseEncoder<Response>, call: WireCall): ResponseSink<Response> {
  return { send: (message) => call.send(encodeResponse(definition, message)) };
}
