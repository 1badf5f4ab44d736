import { decodeServerMessage, encodeAgentMessage, encodeHello } from "../../proto/convert/sync.ts";
import type { SyncAck, SyncPage } from "../../proto/domain/link.ts";
import { syncService } from "../../proto/services.ts";
import type { RpcChannel } from "../../transport/index.ts";

/** The agent's side of a sync stream that acknowledges what the test tells it to. */
export class SyncingAgent {
  readonly #call;
  readonly #messages;

  constructor(channel: RpcChannel) {
    this.#call = channel.bidi(syncService.Open);
    this.#messages = this.#call.responses[Symbol.asyncIterator]();
    this.#call.send(encodeHello({ protocol: 1, capabilities: [], held: [], agentVersion: "1.2.3" }));
  }

  /** The next last page of entries. */
  async entries(): Promise<SyncPage> {
    for (;;) {
      const { done, value } = await this.#messages.next();
      if (done === true) throw new Error("the stream ended");
      const message = decodeServerMessage(value);
      if (message?.kind === "page" && message.type === "entry" && message.last) return message;
    }
  }

  acknowledge({ position }: SyncPage, pendingEntryIds: readonly string[] = []): void {
    this.say({ kind: "ack", type: "entry", position, pendingEntryIds });
  }

  say(ack: SyncAck): void {
    this.#call.send(encodeAgentMessage(ack));
  }

  /** Acknowledges every page at once, until the stream ends. */
  async follow(): Promise<void> {
    try {
      for (;;) this.acknowledge(await this.entries());
    } catch {
      // The stream ended: that is how it stops.
    }
  }

  end(): void {
    this.#call.cancel();
  }
}
