import type { PollingLink, ServerLink, SyncHello, SyncMessage, SyncStream } from "../../../proto/domain/link.ts";
import type { Clock, Random } from "../../../runtime/core/index.ts";
import { commonErrors, ServiceError } from "../../../transport/index.ts";
import { agentErrors } from "../../errors.ts";
import { agentLimits } from "../../limits.ts";
import type { AgentEvents } from "../../telemetry/events.ts";
import type { HeldPositions } from "../held-positions.ts";
import type { HeldResources } from "./held-resources.ts";
import { Poller, polledEpoch } from "./poller.ts";

export interface SyncSourceDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly link: Pick<ServerLink, "openSync" | "getBundle" | "postStatus" | "polling">;
  readonly held: HeldResources;
  readonly positions: HeldPositions;
  readonly events: AgentEvents;
  /** Between the end of one poll and the next, milliseconds; a tenth of it is drawn. */
  readonly intervalMs: number;
}

/** What belongs to one stream from its opening to its end. */
interface Opened {
  readonly hello: SyncHello;
  readonly signal: AbortSignal;
  /** The server's own stream, when there is one. */
  push: SyncStream | undefined;
}

/**
 * Opens sync streams: the server's own where it pushes; where it has no sync service, one made of polls that gives the
 * same pages. Which of both is found out at each opening, and while polling once a minute: a server may be replaced by
 * one of the other kind while agents run.
 */
export class SyncSource {
  readonly #deps: SyncSourceDeps;
  #mode: "push" | "poll" | undefined;
  #polledAtMs: number | undefined;
  #turn = 0;

  constructor(deps: SyncSourceDeps) {
    this.#deps = deps;
  }

  /** How the server tells of changes; `undefined` before it has said anything. */
  get mode(): "push" | "poll" | undefined {
    return this.#mode;
  }

  /** When the last poll ended well, Unix milliseconds. */
  get polledAtMs(): number | undefined {
    return this.#polledAtMs;
  }

  open(hello: SyncHello): SyncStream {
    const abort = new AbortController();
    const opened: Opened = { hello, signal: abort.signal, push: undefined };
    return {
      messages: this.#messages(opened),
      // A server that is polled does not ask how far the agent has come.
      send: (message) => opened.push?.send(message),
      close: () => {
        abort.abort(commonErrors.error("ERR_SHUTTING_DOWN", "the stream was closed"));
        opened.push?.close();
      },
    };
  }

  async *#messages(opened: Opened): AsyncGenerator<SyncMessage> {
    opened.signal.throwIfAborted();
    const { polling } = this.#deps.link;
    let hasBegun = false;
    try {
      opened.push = this.#deps.link.openSync(opened.hello);
      for await (const message of opened.push.messages) {
        hasBegun = true;
        this.#mode = "push";
        yield message;
      }
      return;
    } catch (error) {
      if (hasBegun || polling === undefined || !isUnimplemented(error)) throw error;
    } finally {
      opened.push?.close();
    }
    opened.push = undefined;
    yield* this.#poll(opened, polling);
  }

  async *#poll(opened: Opened, polling: PollingLink): AsyncGenerator<SyncMessage> {
    const { clock, random, link, held, events, intervalMs } = this.#deps;
    const { signal, hello } = opened;
    if (this.#mode !== "poll") events.polling(intervalMs);
    this.#mode = "poll";
    const poller = new Poller({ link, polling, held, events });
    yield* this.#firstTurn(poller, signal);
    let told = this.#tellVersion(hello.agentVersion, signal);
    for (let probeAt = clock.monotonic() + agentLimits.pushProbeMs.value; ; ) {
      await Promise.all([clock.sleep(intervalMs * (0.95 + random.float() / 10), { signal }), told]);
      told = Promise.resolve();
      if (clock.monotonic() >= probeAt) {
        const pushed = await this.#probe(opened);
        if (pushed !== undefined) {
          yield* pushed;
          return;
        }
        probeAt = clock.monotonic() + agentLimits.pushProbeMs.value;
      }
      yield* await poller.turn(this.#nextTurn(), signal, () => {});
      this.#polledAtMs = clock.now();
    }
  }

  /** The welcome comes as soon as the server begins to answer: a large set may take its time. */
  async *#firstTurn(poller: Poller, signal: AbortSignal): AsyncGenerator<SyncMessage> {
    const accepted = Promise.withResolvers<void>();
    const turn = poller.turn(this.#nextTurn(), signal, accepted.resolve);
    await Promise.race([accepted.promise, turn]);
    turn.catch(() => {
      // It is awaited below, unless the stream is left before.
    });
    yield { kind: "welcome", protocol: 1, capabilities: [], serverVersion: "", serverId: "" };
    yield* await turn;
    this.#polledAtMs = this.#deps.clock.now();
  }

  /** Above every position that is held: the pages of an earlier turn never undo those of a later one. */
  #nextTurn(): number {
    const held = this.#deps.positions.list().filter(({ position }) => position.epoch === polledEpoch);
    this.#turn = Math.max(this.#turn, ...held.map(({ position }) => position.n)) + 1;
    return this.#turn;
  }

  async #tellVersion(agentVersion: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#deps.link.postStatus(agentVersion, { signal, timeoutMs: agentLimits.callTimeoutMs.value });
    } catch (error) {
      if (!signal.aborted) this.#deps.events.statusNotPosted(error);
    }
  }

  /** The server's own stream from its welcome on, when it has one by now. */
  async #probe(opened: Opened): Promise<AsyncGenerator<SyncMessage> | undefined> {
    const { clock, link, positions, events } = this.#deps;
    const push = link.openSync({ ...opened.hello, held: positions.list() });
    opened.push = push;
    const timer = clock.setTimer(agentLimits.pushProbeTimeoutMs.value, () => push.close());
    const messages = push.messages[Symbol.asyncIterator]();
    try {
      const first = await messages.next();
      if (first.done === true) throw agentErrors.error("ERR_SYNC_PROTOCOL", "the server ended the sync stream");
      this.#mode = "push";
      if (first.value.kind === "welcome") events.pushed(first.value.serverId, first.value.serverVersion);
      return followed(first.value, messages, push);
    } catch {
      // No news: the next poll hears of whatever is wrong with the server.
      opened.signal.throwIfAborted();
      push.close();
      opened.push = undefined;
      return undefined;
    } finally {
      timer.cancel();
    }
  }
}

async function* followed(
  first: SyncMessage,
  rest: AsyncIterator<SyncMessage>,
  push: SyncStream,
): AsyncGenerator<SyncMessage> {
  try {
    yield first;
    yield* { [Symbol.asyncIterator]: () => rest };
  } finally {
    push.close();
  }
}

function isUnimplemented(error: unknown): boolean {
  return error instanceof ServiceError && error.status === "unimplemented";
}
