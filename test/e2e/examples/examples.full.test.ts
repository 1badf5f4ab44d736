// needs: time; budget: 240; waits
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { freePort, startExample } from "../../env/examples.ts";
import { type AgentHandle, System } from "../../env/system.ts";

const shortLives = ["--x509-ttl", "10s", "--jwt-ttl", "10s", "--wait"];

interface Example {
  readonly name: string;
  readonly server: string;
  readonly client: string;
  readonly url: (port: number) => string;
}

const https = (port: number): string => `https://127.0.0.1:${port}/`;
const examples: readonly Example[] = [
  { name: "https", server: "https/server.ts", client: "https/client.ts", url: https },
  { name: "http2", server: "http2/server.ts", client: "http2/client.ts", url: https },
  { name: "grpc-js", server: "grpc/server.ts", client: "grpc/client.ts", url: (port) => `127.0.0.1:${port}` },
  { name: "fastify", server: "fastify/server.ts", client: "https/client.ts", url: https },
  { name: "ws", server: "ws/server.ts", client: "ws/client.ts", url: (port) => `wss://127.0.0.1:${port}/` },
  {
    name: "express with JWT-SVIDs",
    server: "express-jwt/server.ts",
    client: "express-jwt/client.ts",
    url: (port) => `http://127.0.0.1:${port}/`,
  },
];

describe("the examples, on real processes", { concurrency: 6 }, () => {
  let system: System;
  let serverSide: AgentHandle;
  let clientSide: AgentHandle;
  before(async () => {
    system = await System.start();
    // Two hosts: on one, processes of one user would have both identities.
    [serverSide, clientSide] = await Promise.all([system.startAgent("one"), system.startAgent("two")]);
    await system.createEntry(serverSide, { path: "/server", flags: shortLives });
    await system.createEntry(clientSide, { path: "/client", flags: shortLives });
  });
  after(() => system[Symbol.asyncDispose]());

  for (const { name, server, client, url } of examples) {
    it(`${name} goes on through rotations`, async () => {
      const port = await freePort();
      await using serving = startExample(server, serverSide, { environment: { PORT: String(port) } });
      await serving.waitFor(({ text }) => text === "ready");
      const environment = { URL: url(port), SERVER_ID: "spiffe://test.example/server" };
      await using asking = startExample(client, clientSide, { environment });
      const answers = /^hello spiffe:\/\/test\.example\/client, your (?:certificate|token) is good until (.*)$/;
      const until = new Set<string>();
      await asking.waitFor(({ text }) => {
        const [, seen] = answers.exec(String(text)) ?? assert.fail(`${asking.tail()}\n${serving.tail()}`);
        until.add(seen ?? "");
        return until.size >= 3;
      }, 60_000);
      // A token names no server.
      if (client === "express-jwt/client.ts") return;
      const other = { ...environment, SERVER_ID: "spiffe://test.example/other" };
      await using wrong = startExample(client, clientSide, { environment: other });
      assert.equal(await wrong.ended, 1);
      assert.match(wrong.stderr, /ERR_PEER_NOT_VERIFIED/);
    });
  }
});
