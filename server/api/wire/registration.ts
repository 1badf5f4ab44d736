import type { MethodDefinition } from "../../../proto/method.ts";
import type { Clock } from "../../../runtime/core/index.ts";
import { commonErrors, type RpcRouter } from "../../../transport/index.ts";
import { callerOf } from "../../authorization/index.ts";
import { serverLimits } from "../../limits.ts";
import type { Gate } from "../gate.ts";
import type { UnaryRpc } from "../rpc.ts";
import type { ServerServices } from "../server-services.ts";

/** What is registered where. Only here do services meet the wire. */
export interface Registration {
  readonly router: RpcRouter;
  readonly gate: Gate;
  readonly services: ServerServices;
}

/** Binds a service to its method: `decode` and `encode` convert, the gate decides, the service works. */
export function serveUnary<Needs, Request, Response, WireRequest, WireResponse, WireRequestOut, WireResponseOut>(
  { router, gate, services }: Registration & { readonly services: Needs },
  definition: MethodDefinition<WireRequest, WireResponse, WireRequestOut, WireResponseOut>,
  rpc: UnaryRpc<Needs, Request, Response>,
  decode: (wire: WireRequestOut) => Request,
  encode: (response: Response, wire: WireRequestOut) => WireResponse,
): void {
  if (definition.path !== rpc.method) throw new TypeError(`${rpc.method} is declared, ${definition.path} is served`);
  router.unary(definition, async (wire, context) => {
    const response = await gate.run(
      rpc,
      callerOf(context.peer),
      context,
      () => decode(wire),
      (request, call) => rpc.handle(services, request, call),
    );
    return encode(response, wire);
  });
}

/** The messages of one stream, one at a time. */
export class Inbox<Message> {
  readonly #messages: AsyncIterator<Message>;

  constructor(messages: AsyncIterable<Message>) {
    this.#messages = messages[Symbol.asyncIterator]();
  }

  /** Throws ERR_MALFORMED_REQUEST when the stream ended instead. */
  async next(): Promise<Message> {
    const result = await this.#messages.next();
    if (result.done === true) throw commonErrors.error("ERR_MALFORMED_REQUEST", "the stream ended early");
    return result.value;
  }

  /** The first message, for which nobody waits long: a stream is a place, and places are few. */
  async first(clock: Clock): Promise<Message> {
    const result = await this.#within(clock, serverLimits.syncHelloMs.value, "the first message of the stream");
    if (result.done === true) throw commonErrors.error("ERR_MALFORMED_REQUEST", "the stream ended early");
    return result.value;
  }

  async *rest(): AsyncGenerator<Message, void> {
    for (;;) {
      const result = await this.#messages.next();
      if (result.done === true) return;
      yield result.value;
    }
  }

  /** The rest, from a client that has only to say what it wants next. */
  async *restWithin(clock: Clock): AsyncGenerator<Message, void> {
    for (;;) {
      const result = await this.#within(clock, serverLimits.syncNextMs.value, "the next message of the stream");
      if (result.done === true) return;
      yield result.value;
    }
  }

  async #within(clock: Clock, limitMs: number, what: string): Promise<IteratorResult<Message>> {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = clock.setTimer(limitMs, () => {
      reject(commonErrors.error("ERR_MALFORMED_REQUEST", `${what} did not come`));
    });
    try {
      return await Promise.race([this.#messages.next(), promise]);
    } finally {
      timer.cancel();
    }
  }
}
