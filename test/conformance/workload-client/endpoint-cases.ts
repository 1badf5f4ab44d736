import assert from "node:assert/strict";
import { WorkloadApiClient } from "../../../sdk/index.ts";
import { type Script, ScriptedAgent, say } from "../../fakes/scripted-agent.ts";
import { x509Of } from "./messages.ts";
import type { ConformanceCase } from "./watching.ts";

const variable = "SPIFFE_ENDPOINT_SOCKET";
const answer: Script = ({ stream }) => say(stream, x509Of("/web"));

async function withVariable(value: string | undefined, run: () => Promise<void> | void): Promise<void> {
  const before = process.env[variable];
  try {
    if (value === undefined) delete process.env[variable];
    else process.env[variable] = value;
    await run();
  } finally {
    if (before === undefined) delete process.env[variable];
    else process.env[variable] = before;
  }
}

async function fetchesFrom(agent: ScriptedAgent, endpoint: string | undefined): Promise<void> {
  await using client = WorkloadApiClient.create(endpoint === undefined ? {} : { endpoint });
  const { svids } = await client.fetchX509Context();
  assert.equal(svids[0].id.toString(), "spiffe://a.test/web");
  assert.equal(agent.calls.length, 1);
}

const legal: readonly (readonly [row: string, value: string])[] = [
  ["WEP-16", "unix:///run/spire/agent.sock"],
  ["WEP-16", "unix:/run/spire/agent.sock"],
  ["WEP-14", "unix:///run/with%20space.sock"],
  ["WEP-18", "tcp://127.0.0.1:8000"],
  ["WEP-18", "tcp://[::1]:8000"],
];

const illegal: readonly (readonly [row: string, value: string])[] = [
  ["WEP-13", ""],
  ["WEP-14", "/run/spire/agent.sock"],
  ["WEP-14", "http://127.0.0.1:8000"],
  ["WEP-14", "npipe:spire-agent"],
  ["WEP-14", "agent.sock"],
  ["WEP-14", " unix:///run/agent.sock"],
  ["WEP-15", "unix://run/agent.sock"],
  ["WEP-15", "unix://localhost/run/agent.sock"],
  ["WEP-16", "unix:run/agent.sock"],
  ["WEP-16", "unix:./agent.sock"],
  ["WEP-17", "unix://"],
  ["WEP-17", "unix:"],
  ["WEP-17", "unix:///"],
  ["WEP-17", "unix:///a.sock?x=1"],
  ["WEP-17", "unix:///a.sock?"],
  ["WEP-17", "unix:///a.sock#f"],
  ["WEP-18", "tcp://localhost:8000"],
  ["WEP-18", "tcp://agent.example.com:8443"],
  ["WEP-18", "tcp://:8000"],
  ["WEP-18", "tcp://127.1:8000"],
  ["WEP-18", "tcp://::1:8000"],
  ["WEP-18", "tcp://[fe80::1%25eth0]:8000"],
  ["WEP-19", "tcp://127.0.0.1"],
  ["WEP-19", "tcp://127.0.0.1:"],
  ["WEP-19", "tcp://127.0.0.1:0"],
  ["WEP-19", "tcp://127.0.0.1:65536"],
  ["WEP-19", "tcp://127.0.0.1:8o"],
  ["WEP-20", "tcp://127.0.0.1:8000/"],
  ["WEP-20", "tcp://127.0.0.1:8000/foo"],
  ["WEP-20", "tcp://u@127.0.0.1:8000"],
  ["WEP-20", "tcp://127.0.0.1:8000?a=b"],
  ["WEP-20", "tcp://127.0.0.1:8000#f"],
  ["WEP-20", "tcp:127.0.0.1:8000"],
];

export const endpointCases: readonly ConformanceCase[] = [
  {
    rows: ["WEP-12"],
    name: "an address that is given wins, and the variable is not even read",
    run: async () => {
      await using agent = await ScriptedAgent.start(answer);
      await withVariable("http://not-legal", () => fetchesFrom(agent, agent.endpoint));
    },
  },
  {
    rows: ["WEP-13"],
    name: "without one the variable says where",
    run: async () => {
      await using agent = await ScriptedAgent.start(answer);
      await withVariable(agent.endpoint, () => fetchesFrom(agent, undefined));
      await withVariable(undefined, () => {
        assert.throws(() => WorkloadApiClient.create(), {
          code: "ERR_WORKLOAD_ENDPOINT",
          message: new RegExp(variable),
        });
      });
    },
  },
  ...(["127.0.0.1", "::1"] as const).map((host) => ({
    rows: ["WEP-18", "WEP-19"],
    name: `an agent on TCP at ${host} is reached`,
    run: async () => {
      await using agent = await ScriptedAgent.start(answer, { tcp: host });
      await fetchesFrom(agent, agent.endpoint);
    },
  })),
  ...legal.map(([row, value]) => ({
    rows: [row],
    name: `${value} is legal`,
    run: () =>
      withVariable(value, () => {
        WorkloadApiClient.create().close();
        WorkloadApiClient.create({ endpoint: value }).close();
      }),
  })),
  ...illegal.map(([row, value]) => ({
    rows: [row],
    name: `${value === "" ? "nothing" : value} is refused, with the variable's name`,
    run: () =>
      withVariable(value, () => {
        const code = "ERR_WORKLOAD_ENDPOINT";
        assert.throws(() => WorkloadApiClient.create(), { code, message: new RegExp(variable) });
        assert.throws(() => WorkloadApiClient.create({ endpoint: value }), { code });
      }),
  })),
];
