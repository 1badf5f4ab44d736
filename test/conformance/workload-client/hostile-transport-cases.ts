import assert from "node:assert/strict";
import type { ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { encodeJwtSvidResponse } from "../../../proto/workload/service-codec.ts";
import { type WorkloadErrorCode, X509Source } from "../../../sdk/index.ts";
import { settle } from "../../../sdk/testing/test-clock.ts";
import { frameMessage } from "../../../transport/grpc/frame.ts";
import { finish, refuse, type Script, ScriptedAgent, say } from "../../fakes/scripted-agent.ts";
import { x509Of } from "./messages.ts";
import { ClockedClient, type ConformanceCase } from "./watching.ts";

const unavailable = "ERR_WORKLOAD_API_UNAVAILABLE";
const malformed = "ERR_WORKLOAD_API_MALFORMED";
const denied = "ERR_WORKLOAD_API_DENIED";

const legal: Script = ({ stream }) => say(stream, x509Of("/web"));

/** Bytes in place of gRPC frames, in as many DATA frames as there are parts. */
function write(stream: ServerHttp2Stream, ...parts: readonly Uint8Array[]): void {
  say(stream);
  for (const part of parts) stream.write(part);
}

function prefix(flag: number, length: number): Buffer {
  const bytes = Buffer.alloc(5, flag);
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

/** The identity of before goes on serving, the call is made again later, and what is legal then is taken. */
function outlived(name: string, code: WorkloadErrorCode, hostile: Script): ConformanceCase {
  return {
    rows: [],
    name: `${name} is ${code}; the last state serves on, and the next legal message is taken`,
    run: async () => {
      await using agent = await ScriptedAgent.start(legal);
      using clocked = new ClockedClient(agent.endpoint);
      const { client, clock } = clocked;
      await using source = await X509Source.open({ client, clock });
      const { serialNumber } = source.svid.leaf;
      agent.script = hostile;
      agent.calls[0]?.stream.close(8);
      // Called a third time, it has been through the hostile answer.
      while (agent.calls.length < 3) await clock.advance(1_000);
      assert.deepEqual([source.svid.leaf.serialNumber, source.health.isConnected], [serialNumber, false]);
      assert.equal(source.health.lastProblem?.code, code);
      agent.script = legal;
      while (source.svid.leaf.serialNumber === serialNumber) await clock.advance(1_000);
      assert.equal(source.health.isConnected, true);
    },
  };
}

/** What is no HTTP/2 at all is an outage. */
function outage(name: string, onSocket: (socket: Socket) => void): ConformanceCase {
  return {
    rows: [],
    name: `${name} is an outage: the call is made again later`,
    run: async () => {
      await using agent = await ScriptedAgent.raw(onSocket);
      using client = new ClockedClient(agent.endpoint, { connectTimeoutMs: 50 });
      await using watching = client.x509();
      for (const expected of [100, 200]) {
        const { problem, retryInMs } = await watching.problem();
        assert.deepEqual([problem.code, retryInMs], [unavailable, expected]);
        await client.clock.advance(retryInMs);
      }
      await agent.connected(2);
    },
  };
}

const megabyte = Object.fromEntries(Array.from({ length: 20 }, (_none, index) => [`x-${index}`, "x".repeat(50_000)]));

const details = { "grpc-status-details-bin": Buffer.from("no google.rpc.Status").toString("base64") };

export const hostileTransportCases: readonly ConformanceCase[] = [
  outlived("a message longer than an answer may be", malformed, ({ stream }) =>
    write(stream, prefix(0, 16 * 1024 * 1024 + 1), Buffer.alloc(1024)),
  ),
  outlived("a message that announces 4 GiB", malformed, ({ stream }) => write(stream, prefix(0, 0xffff_ffff))),
  outlived("a compressed message", malformed, ({ stream }) => write(stream, prefix(1, 3), Buffer.from("abc"))),
  outlived("a message with an unknown flag", malformed, ({ stream }) =>
    write(stream, prefix(2, 3), Buffer.from("abc")),
  ),
  outlived("a message that is cut off", malformed, ({ stream }) => {
    write(stream, prefix(0, 1_000), Buffer.from("abc"));
    finish(stream);
  }),
  outlived("an end without a status", malformed, ({ stream }) => finish(stream, {})),
  outlived("an end with other trailers", malformed, ({ stream }) => finish(stream, { "x-status": "0" })),
  ...["abc", "-1", "1e0", "0x0", "", "00000000000000007"].map((status) =>
    outlived(`the status "${status}"`, malformed, ({ stream }) => finish(stream, { "grpc-status": status })),
  ),
  ...[1, 2, 4, 5, 8, 9, 10, 11, 13, 14, 15, 16, 17, 99].map((status) =>
    outlived(`the status ${status}, in the headers`, unavailable, ({ stream }) => refuse(stream, status)),
  ),
  ...[400, 401, 403, 404, 429, 500, 502, 503].map((status) =>
    outlived(`HTTP ${status}, as of a proxy,`, unavailable, ({ stream }) => {
      stream.respond({ ":status": status, "content-type": "text/html" });
      stream.end("<html>");
    }),
  ),
  outlived("a page of HTML", malformed, ({ stream }) => {
    stream.respond({ ":status": 200, "content-type": "text/html" });
    stream.end("<html>");
  }),
  ...[0, 1, 2, 3, 5, 7, 8, 11, 12, 13].map((code) =>
    outlived(`a reset of code ${code}`, code === 0 ? malformed : unavailable, ({ stream }) => stream.close(code)),
  ),
  outlived("GOAWAY with an error", unavailable, ({ stream }) => {
    stream.session?.goaway(2, 0);
    stream.session?.destroy();
  }),
  outlived("metadata of a megabyte", unavailable, ({ stream }) => finish(stream, { "grpc-status": "0", ...megabyte })),
  outlived("an unending row of empty messages", malformed, ({ stream }) =>
    write(stream, ...Array.from({ length: 10 }, () => Buffer.alloc(5 * 50_000))),
  ),
  {
    rows: [],
    name: "a message in frames of one byte is read",
    run: async () => {
      await using agent = await ScriptedAgent.start(({ stream }) =>
        write(stream, ...[...frameMessage(x509Of("/web"))].map((byte) => Uint8Array.of(byte))),
      );
      using clocked = new ClockedClient(agent.endpoint);
      assert.equal((await clocked.client.fetchX509Context()).svids.length, 1);
    },
  },
  {
    rows: [],
    name: "GOAWAY in the middle leaves the open stream alone, and the next call goes over a new connection",
    run: async () => {
      await using agent = await ScriptedAgent.start(legal);
      using clocked = new ClockedClient(agent.endpoint);
      await using watching = clocked.x509();
      await watching.update();
      const [call] = agent.calls;
      assert.ok(call !== undefined);
      call.stream.session?.goaway(0);
      await settle();
      say(call.stream, x509Of("/web"));
      await watching.update();
      await clocked.client.fetchX509Context();
      assert.deepEqual([agent.connections, agent.calls.length], [2, 2]);
    },
  },
  {
    rows: [],
    name: "a refusal with details that do not parse keeps its status",
    run: async () => {
      await using agent = await ScriptedAgent.start(({ stream }) =>
        refuse(stream, 7, { ...details, "grpc-message": "no %zz entry %F0%28" }),
      );
      using clocked = new ClockedClient(agent.endpoint);
      await assert.rejects(clocked.client.fetchX509Context(), (error) => {
        const { code, reason, message } = Object(error);
        assert.deepEqual([code, reason], [denied, undefined]);
        assert.match(String(message), /^no %zz entry /);
        return true;
      });
    },
  },
  {
    rows: [],
    name: "a stream that says nothing is waited for by `open` as long as the caller wants, and no longer",
    run: async () => {
      await using agent = await ScriptedAgent.start(({ stream }) => say(stream));
      const opening = X509Source.open({ endpoint: agent.endpoint, timeoutMs: 50 });
      await assert.rejects(opening, { code: "ERR_SOURCE_TIMEOUT" });
    },
  },
  ...(
    [
      ["two answers", 2],
      ["no answer", 0],
    ] as const
  ).map(([name, messages]) => ({
    rows: [],
    name: `${name} to a call that has one is ${malformed}`,
    run: async () => {
      const one = encodeJwtSvidResponse([{ spiffeId: "spiffe://a.test/web", svid: "x.y.z", hint: "" }]);
      await using agent = await ScriptedAgent.start(({ stream }) => {
        say(stream, ...Array.from({ length: messages }, () => one));
        finish(stream);
      });
      using clocked = new ClockedClient(agent.endpoint);
      await assert.rejects(clocked.client.fetchJwtSvids({ audience: ["db"] }), { code: malformed });
    },
  })),
  outage("a socket that accepts and says nothing", (socket) => socket.resume()),
  outage("a socket that accepts and hangs up", (socket) => socket.destroy()),
  outage("an HTTP/1 server", (socket) => {
    socket.resume();
    socket.end("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
  }),
  outage("a server that speaks something else", (socket) => {
    socket.resume();
    socket.write(Buffer.alloc(4096, 0xa5));
  }),
  outage("a TLS server", (socket) => {
    socket.resume();
    socket.end(Buffer.from([21, 3, 3, 0, 2, 2, 10]));
  }),
];
