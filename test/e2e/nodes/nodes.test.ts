import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ServiceError } from "../../../transport/index.ts";
import { agentIdOf, attestRaw, postStatus, renewRaw, syncUntilEnded } from "../../env/raw-agent.ts";
import { System } from "../../env/system.ts";
import { bannedAgentsForget } from "./scenarios.ts";

async function tokenOf(system: System, ...flags: readonly string[]): Promise<string> {
  return String((await system.json("token", "generate", ...flags))["value"]);
}

/** The gRPC status of a rejection and the reason SPIRE agents act on. */
async function refusalOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "accepted";
  } catch (error) {
    assert.ok(error instanceof ServiceError, String(error));
    const denied = error.details.find((detail) => detail.kind === "permission-denied");
    return denied === undefined ? error.status : `${error.status} ${denied.reason}`;
  }
}

describe("join tokens", () => {
  it("work once, also when 20 clients race for one", async () => {
    await using system = await System.start();
    const token = await tokenOf(system);
    const attempts = await Promise.allSettled(Array.from({ length: 20 }, () => attestRaw(system, token)));
    assert.equal(attempts.filter(({ status }) => status === "fulfilled").length, 1);
    for (const attempt of attempts) {
      if (attempt.status === "rejected")
        assert.equal(await refusalOf(Promise.reject(attempt.reason)), "invalidArgument");
    }
    assert.equal(await refusalOf(attestRaw(system, token)), "invalidArgument");
    assert.match((await system.cli("agent", "count")).stdout, /^1 agent/);
  });

  it("expire, and unknown ones are refused the same way", async () => {
    await using system = await System.start();
    const token = await tokenOf(system, "--ttl", "1");
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    assert.equal(await refusalOf(attestRaw(system, token)), "invalidArgument");
    assert.equal(await refusalOf(attestRaw(system, "never-made")), "invalidArgument");
  });

  it("are not used up by a request whose CSR is not signed by its own key", async () => {
    await using system = await System.start();
    const token = await tokenOf(system);
    const flip = (csr: Uint8Array): Uint8Array => {
      const copy = Uint8Array.from(csr);
      copy[copy.length - 1] = (copy[copy.length - 1] ?? 0) ^ 1;
      return copy;
    };
    assert.equal(await refusalOf(attestRaw(system, token, flip)), "invalidArgument");
    await attestRaw(system, token);
  });
});

describe("an agent's standing", () => {
  it("ends with ban and eviction: open streams end within a second, calls are denied with SPIRE's reasons", async () => {
    await using system = await System.start();
    for (const [verb, reason] of [
      ["ban", "permissionDenied agentBanned"],
      ["evict", "permissionDenied agentNotAttested"],
    ] as const) {
      const token = await tokenOf(system);
      const identity = await attestRaw(system, token);
      await postStatus(system, identity);
      let endedAt = 0;
      let welcomed: () => void = () => {};
      const welcome = new Promise<void>((resolve) => {
        welcomed = resolve;
      });
      const ended = syncUntilEnded(system, identity, () => welcomed()).then((how) => {
        endedAt = Date.now();
        return how;
      });
      await welcome;
      await system.cli("agent", verb, agentIdOf(system, token));
      const doneAt = Date.now();
      assert.equal(await refusalOf(ended.then((how) => Promise.reject(how))), reason);
      assert.ok(endedAt - doneAt < 1_000, `ended ${endedAt - doneAt} ms after ${verb}`);
      assert.equal(await refusalOf(postStatus(system, identity)), reason);
    }
  });

  it("needs the newest certificate once it was used: a stolen old one is refused", async () => {
    await using system = await System.start();
    const old = await attestRaw(system, await tokenOf(system));
    const renewed = await renewRaw(system, old);
    // Until the new one is seen in use, a crash must not lock the agent out.
    await postStatus(system, old);
    await postStatus(system, renewed);
    assert.equal(await refusalOf(postStatus(system, old)), "permissionDenied agentNotActive");
    assert.equal(await refusalOf(postStatus(system, undefined)), "permissionDenied");
  });

  it("when banned, makes the real agent withdraw every identity and forget them over a restart", () =>
    bannedAgentsForget());
});
