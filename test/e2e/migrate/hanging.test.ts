import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { exitCodes } from "../../../cli/exit-codes.ts";
import { bundleService } from "../../../proto/services.ts";
import { systemClock } from "../../../runtime/core/index.ts";
import { listenUnix, RpcRouter } from "../../../transport/index.ts";
import { cli } from "../../fakes/cli.ts";

describe("migrate trust --watch", () => {
  it("raises the alarm for a server that takes calls and answers none", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cs-hanging-"));
    const [from, to] = [join(folder, "from.sock"), join(folder, "to.sock")];
    let hangs = false;
    const never = Promise.withResolvers<never>();
    never.promise.catch(() => {});
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => rmSync(folder, { recursive: true }));
    for (const path of [from, to]) {
      const router = new RpcRouter();
      router.unary(bundleService.GetBundle, async () =>
        hangs && path === to ? never.promise : { trust_domain: "a.test", sequence_number: "1" },
      );
      const listener = await listenUnix({ path, mode: 0o700, directoryMode: 0o700, router, clock: systemClock });
      cleanup.defer(() => listener.close({ graceMs: 0 }));
    }
    cleanup.defer(() => never.reject(new Error("over")));
    const { code, err } = await cli(
      [
        ...["migrate", "trust", "--watch", "--from", from, "--to", to, "--state", join(folder, "state.json")],
        ...["--interval", "1s", "--lag", "1s", "--timeout", "2s"],
      ],
      {
        onErr: (text) => {
          if (text === "both servers answer") hangs = true;
        },
      },
    );
    assert.match(err, /ALARM: the servers cannot be compared: no answer from the server at .*to\.sock/);
    assert.equal(code, exitCodes.refused);
  });
});
