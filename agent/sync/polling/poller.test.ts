import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CallOptions } from "../../../proto/domain/link.ts";
import { noMetrics, silentLogger } from "../../../runtime/core/index.ts";
import { SpiffeBundle, TrustDomain } from "../../../spiffe/index.ts";
import { entryOf } from "../../../test/fakes/server-values.ts";
import { createAgentEvents } from "../../telemetry/events.ts";
import { Poller } from "./poller.ts";

function neverAnswered({ signal }: CallOptions = {}): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

describe("Poller", () => {
  it("leaves no rejection behind that nobody waits for when the stream is left while bundles are on their way", async () => {
    const stream = new AbortController();
    const entry = entryOf("web", "a", { federatesWith: [TrustDomain.parse("other.test")] });
    const poller = new Poller({
      link: { getBundle: neverAnswered },
      polling: {
        authorizedEntries: async () => ({ ids: new Set([entry.id]), changed: [entry], unreadable: [] }),
        federatedBundle: (_domain, options) => neverAnswered(options),
      },
      held: {
        ownBundle: () => SpiffeBundle.empty(TrustDomain.parse("example.org")),
        entry: () => undefined,
        entries: () => [],
        foreignBundles: () => [],
      },
      events: createAgentEvents(silentLogger, noMetrics),
    });
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", onUnhandled);
    try {
      const turn = poller.turn(1, stream.signal, () => {});
      setImmediate(() => stream.abort(new Error("handed over")));
      await assert.rejects(turn, { message: "handed over" });
      // Node tells of unhandled rejections once the microtasks are through.
      await new Promise((resolve) => setImmediate(resolve));
    } finally {
      process.off("unhandledRejection", onUnhandled);
    }
    assert.deepEqual(unhandled, []);
  });
});
