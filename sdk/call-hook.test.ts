import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import { connect } from "node:tls";
import { FakeWorkloadApi } from "../test/fakes/fake-workload-api.ts";
import { TestCa } from "../test/fakes/test-ca.ts";
import { portOf, WorkloadSide } from "../test/fakes/workload-side.ts";
import { BundleSource, bearerMiddleware, connectTls, createTlsServer, memberOf } from "./index.ts";

/** The warnings of ours until `run` is over and one has come. */
async function warningsOf(run: () => Promise<void>): Promise<readonly string[]> {
  const heard: string[] = [];
  const listen = (warning: Error): void => {
    if ("code" in warning && warning.code === "COUNTERSIGN_HOOK_FAILED") heard.push(warning.message);
  };
  process.on("warning", listen);
  try {
    await run();
    while (heard.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    return heard;
  } finally {
    process.off("warning", listen);
  }
}

const broken: readonly (readonly [string, () => unknown])[] = [
  [
    "throws",
    () => {
      throw new Error("broken log");
    },
  ],
  ["rejects", async () => Promise.reject(new Error("broken log"))],
];

describe("a hook", () => {
  for (const [what, onRefused] of broken) {
    it(`that ${what} leaves a server serving, and is told once`, async () => {
      const ca = await TestCa.create("one.test");
      await using db = await WorkloadSide.start(ca, "/db");
      await using web = await WorkloadSide.start(ca, "/web");
      let refused = 0;
      const options = {
        authorize: memberOf("one.test"),
        onRefused: () => {
          refused += 1;
          return onRefused();
        },
      };
      const server = createTlsServer(db.source, options, (socket) => socket.end("served"));
      const port = await portOf(server);
      const warnings = await warningsOf(async () => {
        for (let count = 0; count < 2; count += 1) {
          const stranger = connect({ port, host: "127.0.0.1", rejectUnauthorized: false }).on("error", () => {});
          await once(stranger.resume(), "close");
        }
        const socket = await connectTls(web.source, { host: "127.0.0.1", port, authorize: memberOf("one.test") });
        assert.equal(String((await once(socket, "data"))[0]), "served");
      });
      assert.equal(refused, 2);
      assert.equal(warnings.length, 1);
      assert.match(warnings[0] ?? "", /^onRefused failed, .*broken log/);
      server.close();
    });
  }

  it("that throws leaves a bearer check refusing", async () => {
    await using api = await FakeWorkloadApi.start();
    api.updateBundles([(await TestCa.create("one.test")).bundle]);
    await using bundles = await BundleSource.open({ endpoint: api.endpoint });
    const onRefused = (): void => {
      throw new Error("broken log");
    };
    const check = bearerMiddleware(bundles, { audience: "db", authorize: memberOf("one.test"), onRefused });
    const response = { statusCode: 200, setHeader: () => {}, end: () => {} };
    const warnings = await warningsOf(async () => {
      check({ headers: {} }, response, () => assert.fail("the request went on"));
    });
    assert.equal(response.statusCode, 401);
    assert.equal(warnings.length, 1);
  });
});
