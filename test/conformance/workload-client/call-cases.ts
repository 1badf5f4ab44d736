import assert from "node:assert/strict";
import { finish, refuse, type Script, ScriptedAgent, say } from "../../fakes/scripted-agent.ts";
import { bundleOfA, jwtBundlesMessage, x509BundlesMessage, x509Of } from "./messages.ts";
import { ClockedClient, type ConformanceCase } from "./watching.ts";

type StreamMethod = "FetchX509SVID" | "FetchX509Bundles" | "FetchJWTBundles";

const streams = ["FetchX509SVID", "FetchX509Bundles", "FetchJWTBundles"] as const;

/** "After PermissionDenied the client may call again", of each method. */
const denialRow = { FetchX509SVID: "WAPI-32", FetchX509Bundles: "WAPI-43", FetchJWTBundles: "WAPI-62" } as const;

/** A legal message of the stream. */
function message(method: string): Uint8Array {
  if (method === "FetchX509SVID") return x509Of("/web");
  if (method === "FetchX509Bundles") return x509BundlesMessage({ "spiffe://a.test": bundleOfA });
  return jwtBundlesMessage({ "spiffe://a.test": '{"keys":[]}' });
}

function watch(client: ClockedClient, method: StreamMethod) {
  if (method === "FetchX509SVID") return client.x509();
  return method === "FetchX509Bundles" ? client.x509Bundles() : client.jwtBundles();
}

/** First the scripts given, in order, then legal messages. */
function first(...scripts: readonly Script[]): Script {
  return (call) => (scripts[call.index] ?? (({ stream, method }) => say(stream, message(method))))(call);
}

const refusing =
  (status: number): Script =>
  ({ stream }) =>
    refuse(stream, status);

function endsFor(status: number, code: string, rows: readonly string[], method: StreamMethod): ConformanceCase {
  return {
    rows,
    name: `${method} is not called again after ${code}`,
    run: async () => {
      await using agent = await ScriptedAgent.start(first(refusing(status)));
      using client = new ClockedClient(agent.endpoint);
      await using watching = watch(client, method);
      const error = await watching.end();
      assert.equal(Reflect.get(Object(error), "code"), code);
      await client.clock.advance(3_600_000);
      assert.equal(agent.calls.length, 1);
    },
  };
}

function retriesFor(status: number, code: string, rows: readonly string[], method: StreamMethod): ConformanceCase {
  return {
    rows,
    name: `${method} is called again after ${code}, each time later, capped at 10 s`,
    run: async () => {
      await using agent = await ScriptedAgent.start(first(...Array.from({ length: 9 }, () => refusing(status))));
      using client = new ClockedClient(agent.endpoint);
      await using watching = watch(client, method);
      const delays: number[] = [];
      for (let tries = 1; tries <= 9; tries += 1) {
        const { problem, retryInMs } = await watching.problem();
        assert.deepEqual([problem.code, problem.grpcStatus], [code, status]);
        delays.push(retryInMs);
        await client.clock.advance(retryInMs - 1);
        assert.equal(agent.calls.length, tries);
        await client.clock.advance(1);
        await agent.called(tries + 1);
      }
      assert.deepEqual(delays, [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
      await watching.update();
    },
  };
}

export const callCases: readonly ConformanceCase[] = [
  {
    rows: ["WEP-05", "WEP-09", "WEP-35", "WAPI-05"],
    name: "every call is gRPC to SpiffeWorkloadAPI and nothing else, with the security header",
    run: async () => {
      await using agent = await ScriptedAgent.start(({ stream }) => refuse(stream, 14));
      using clocked = new ClockedClient(agent.endpoint);
      const { client } = clocked;
      const calls = [
        client.fetchX509Context(),
        client.fetchX509Bundles(),
        client.fetchJwtBundles(),
        client.fetchJwtSvids({ audience: ["db"] }),
        client.validateJwtSvid("db", "x.y.z"),
      ];
      for (const call of calls) await assert.rejects(call, { code: "ERR_WORKLOAD_API_UNAVAILABLE" });
      for (const method of streams) {
        await using watching = watch(clocked, method);
        await watching.problem();
      }
      const called = agent.calls.map(({ headers }) => headers);
      assert.deepEqual(
        called.map((headers) => headers[":path"]),
        ["FetchX509SVID", "FetchX509Bundles", "FetchJWTBundles", "FetchJWTSVID", "ValidateJWTSVID", ...streams].map(
          (method) => `/SpiffeWorkloadAPI/${method}`,
        ),
      );
      for (const headers of called) {
        assert.equal(headers["workload.spiffe.io"], "true");
        assert.equal(headers[":method"], "POST");
        assert.equal(headers["te"], "trailers");
        assert.match(String(headers["content-type"]), /^application\/grpc/);
      }
      assert.equal(agent.connections, 1);
    },
  },
  ...streams.flatMap((method) => [
    endsFor(3, "ERR_WORKLOAD_API_INVALID", ["WEP-25", "WAPI-99"], method),
    endsFor(12, "ERR_WORKLOAD_API_UNIMPLEMENTED", ["WEP-31"], method),
    retriesFor(14, "ERR_WORKLOAD_API_UNAVAILABLE", ["WEP-27", "WAPI-99"], method),
    retriesFor(7, "ERR_WORKLOAD_API_DENIED", ["WEP-29", "WAPI-99", denialRow[method]], method),
  ]),
  {
    rows: ["WEP-27", "WAPI-99"],
    name: "an endpoint where nobody listens is tried again, each time later",
    run: async () => {
      using client = new ClockedClient("unix:///nonexistent/agent.sock");
      await using watching = client.x509();
      for (const expected of [100, 200, 400]) {
        const { problem, retryInMs } = await watching.problem();
        assert.deepEqual([problem.code, retryInMs], ["ERR_WORKLOAD_API_UNAVAILABLE", expected]);
        await client.clock.advance(retryInMs);
      }
    },
  },
  {
    rows: ["WAPI-07"],
    name: "a stream is left open for as long as the other side leaves it",
    run: async () => {
      let closed = 0;
      await using agent = await ScriptedAgent.start(({ stream, method }) => {
        stream.once("close", () => {
          closed += 1;
        });
        say(stream, message(method));
      });
      using client = new ClockedClient(agent.endpoint);
      await using watching = client.x509();
      await watching.update();
      await client.clock.advance(7 * 86_400_000);
      assert.deepEqual([agent.calls.length, closed], [1, 0]);
      const [call] = agent.calls;
      assert.ok(call !== undefined);
      say(call.stream, x509Of("/web"));
      await watching.update();
    },
  },
  ...(
    [
      ["ends with OK", ({ stream }) => finish(stream)],
      ["is reset", ({ stream }) => stream.close(8)],
      ["goes down with its connection", ({ stream }) => stream.session?.destroy()],
    ] as const satisfies readonly (readonly [string, Script])[]
  ).map(([how, end]) => ({
    rows: ["WAPI-08", "WAPI-09"],
    name: `a stream that had lasted and ${how} is opened again at once`,
    run: async () => {
      await using agent = await ScriptedAgent.start(first());
      using client = new ClockedClient(agent.endpoint);
      await using watching = client.x509();
      await watching.update();
      await client.clock.advance(1_000);
      const [call] = agent.calls;
      assert.ok(call !== undefined);
      end(call);
      const { problem, retryInMs } = await watching.problem();
      assert.deepEqual([problem.code, retryInMs], ["ERR_WORKLOAD_API_UNAVAILABLE", 0]);
      await watching.update();
      assert.equal(agent.calls.length, 2);
    },
  })),
  {
    rows: ["WAPI-09"],
    name: "streams that end as soon as they begin are opened again later and later, though each brought a message",
    run: async () => {
      await using agent = await ScriptedAgent.start(({ stream, method }) => {
        say(stream, message(method));
        finish(stream);
      });
      using client = new ClockedClient(agent.endpoint);
      await using watching = client.x509();
      for (const expected of [100, 200, 400]) {
        await watching.update();
        const { retryInMs } = await watching.problem();
        assert.equal(retryInMs, expected);
        await client.clock.advance(retryInMs);
      }
    },
  },
];
