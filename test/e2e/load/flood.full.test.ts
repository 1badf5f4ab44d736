// needs: root, time; budget: 120
import assert from "node:assert/strict";
import { chmodSync, copyFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Running } from "../../env/processes.ts";
import { type AgentHandle, System } from "../../env/system.ts";

/** HTTP/2 with nothing but Node, so that it runs as any uid outside of this tree. */
const shared = `
  import { connect } from "node:http2";
  import { connect as connectSocket } from "node:net";
  const path = process.argv[1];
  const ask = (session) => {
    const stream = session.request({ ":method": "POST", ":path": "/SpiffeWorkloadAPI/FetchX509SVID",
      "content-type": "application/grpc", te: "trailers", "workload.spiffe.io": "true" });
    stream.end(Buffer.alloc(5));
    return stream;
  };
`;

/** Opens connections and calls for ever, each again as soon as it ends; says so once they stand. */
const flood = `${shared}
  let answers = 0;
  const again = () => setTimeout(keepOpen, 20);
  const askForEver = (session) => {
    if (session.destroyed || session.closed) return;
    const stream = ask(session);
    stream.on("error", () => {});
    stream.resume();
    stream.on("close", () => { answers += 1; setTimeout(() => askForEver(session), 5); });
  };
  function keepOpen() {
    const socket = connectSocket(path);
    socket.on("error", () => {});
    const session = connect("http://localhost", { createConnection: () => socket });
    session.on("error", () => {});
    session.on("close", again);
    session.on("remoteSettings", () => { for (let call = 0; call < 20; call += 1) askForEver(session); });
  }
  for (let connection = 0; connection < 500; connection += 1) keepOpen();
  setInterval(() => console.log("answers " + answers), 250);
`;

/** Asks on a new connection and prints the identity, and how long it took. */
const honest = `${shared}
  const started = performance.now();
  const session = connect("http://localhost", { createConnection: () => connectSocket(path) });
  const done = (text) => { console.log(text + " " + Math.round(performance.now() - started)); process.exit(0); };
  session.on("error", (error) => done("connection " + error.code));
  const stream = ask(session);
  stream.on("response", (headers) => { if (headers["grpc-status"]) done("status " + headers["grpc-status"]); });
  stream.on("trailers", (headers) => done("status " + headers["grpc-status"]));
  stream.on("data", (data) => done(/spiffe:\\/\\/test\\.example\\/[a-z]+/.exec(data.toString("latin1"))?.[0] ?? "nothing"));
  stream.on("error", (error) => done("stream " + error.code));
`;

const flooder = { uid: 54_321, gid: 54_321 };
const other = { uid: 54_322, gid: 54_322 };

async function fetchAs(who: typeof other, node: string, agent: AgentHandle): Promise<string> {
  const args = ["--input-type=module", "--eval", honest, agent.socket];
  await using running = new Running(node, args, { ...who, cwd: "/" });
  const { text } = await running.waitFor((line) => typeof line["text"] === "string", 30_000);
  return String(text);
}

describe("one uid that floods the Workload API", () => {
  for (const [title, hasIdentity] of [
    ["with calls that are refused", false],
    ["with calls that are answered", true],
  ] as const) {
    it(`${title} does not keep another from being served`, async (test) => {
      await using system = await System.start();
      const agent = await system.startAgent();
      // The tree may not be readable for other users.
      const node = join(system.folder, "node");
      copyFileSync(process.execPath, node);
      chmodSync(node, 0o755);
      await system.createEntry(agent, { path: "/honest", selectors: [`unix:uid:${other.uid}`], flags: ["--wait"] });
      if (hasIdentity) {
        await system.createEntry(agent, { path: "/flood", selectors: [`unix:uid:${flooder.uid}`], flags: ["--wait"] });
      }
      assert.match(await fetchAs(other, node, agent), /^spiffe:\/\/test\.example\/honest /);
      const args = ["--input-type=module", "--eval", flood, agent.socket];
      await using flooding = new Running(node, args, { ...flooder, cwd: "/" });
      if (!hasIdentity) await flooding.waitFor(({ text }) => answersIn(text) > 1_000, 60_000);
      else await new Promise((resolve) => setTimeout(resolve, 3_000));
      for (let round = 0; round < 5; round += 1) {
        const answer = await fetchAs(other, node, agent);
        assert.match(answer, /^spiffe:\/\/test\.example\/honest /);
        test.diagnostic(`served after ${answer.split(" ").at(-1)} ms`);
      }
      assert.equal((await system.tryAgentCli(agent, "agent", "healthcheck")).code, 0);
    });
  }
});

function answersIn(text: unknown): number {
  return typeof text === "string" && text.startsWith("answers ") ? Number(text.slice(8)) : 0;
}
