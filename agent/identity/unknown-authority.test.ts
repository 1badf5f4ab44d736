import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { commonErrors } from "../../transport/index.ts";
import { agentErrors } from "../errors.ts";
import { UnknownAuthority } from "./unknown-authority.ts";

const untrusted = Object.assign(new Error("no authority signed it"), { code: "ERR_CHAIN_UNTRUSTED" });

describe("UnknownAuthority", () => {
  it("counts from the first handshake that showed an unknown authority, until the server is verified", async () => {
    const clock = new FakeClock();
    const unknown = new UnknownAuthority(clock);
    const cause = agentErrors.error("ERR_SERVER_UNTRUSTED", "not under the bundle", { cause: untrusted });
    unknown.failed(commonErrors.error("ERR_INTERNAL", "not connected", { cause }));
    await clock.advance(5_000);
    unknown.failed(cause);
    assert.equal(unknown.forMs, 5_000);
    unknown.verified();
    assert.equal(unknown.forMs, undefined);
  });

  it("does not count what a verified server answered, nor a server that is away", () => {
    const unknown = new UnknownAuthority(new FakeClock());
    unknown.failed(agentErrors.error("ERR_ATTESTATION_INCONSISTENT", "its SVID does not verify", { cause: untrusted }));
    unknown.failed(commonErrors.error("ERR_INTERNAL", "no connection"));
    unknown.failed(agentErrors.error("ERR_SERVER_UNTRUSTED", "it is somebody else"));
    assert.equal(unknown.forMs, undefined);
  });
});
