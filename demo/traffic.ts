import type { Agent } from "node:https";
import { request } from "node:https";
import { peerOf } from "../sdk/index.ts";

/** Requests to the peer, alternately over each agent, and what was seen of it. */
export class Traffic {
  #requests = 0;
  #freshConnections = 0;
  #failures = 0;
  #lastFailure = "";
  #isStopped = false;
  readonly #serials = new Set<string>();
  readonly #issuers = new Set<string>();
  readonly #sockets = new WeakSet<object>();

  async run(port: number, agents: readonly Agent[]): Promise<void> {
    for (let turn = 0; !this.#isStopped; turn += 1) {
      const agent = agents[turn % agents.length];
      if (agent === undefined) return;
      try {
        await this.#call(port, agent);
        this.#requests += 1;
      } catch (error) {
        if (this.#isStopped) return;
        this.#failures += 1;
        this.#lastFailure = error instanceof Error ? error.message : String(error);
      }
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
  }

  stop(): void {
    this.#isStopped = true;
  }

  counts(): Readonly<Record<string, number | string>> {
    return {
      requests: this.#requests,
      freshConnections: this.#freshConnections,
      failures: this.#failures,
      lastFailure: this.#lastFailure,
      peerSerials: this.#serials.size,
      issuers: this.#issuers.size,
    };
  }

  #call(port: number, agent: Agent): Promise<void> {
    return new Promise((resolve, reject) => {
      const call = request({ host: "127.0.0.1", port, agent, path: "/", timeout: 10_000 }, (response) => {
        const { leaf } = peerOf(response);
        this.#serials.add(leaf.serialNumber);
        this.#issuers.add(leaf.authorityKeyId ?? "");
        if (!this.#sockets.has(response.socket)) {
          this.#sockets.add(response.socket);
          this.#freshConnections += 1;
        }
        response.resume().on("end", resolve).on("error", reject);
        if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
      });
      call.on("timeout", () => call.destroy(new Error("no answer in 10 s")));
      call.on("error", reject).end();
    });
  }
}
