import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { Running, type SpawnOptions } from "./processes.ts";
import type { AgentHandle } from "./system.ts";

/** A program of `examples/` as a workload of that agent. */
export function startExample(file: string, agent: AgentHandle, { environment, ...spawn }: SpawnOptions = {}): Running {
  const program = fileURLToPath(new URL(`../../examples/${file}`, import.meta.url));
  const socket = { SPIFFE_ENDPOINT_SOCKET: `unix://${agent.socket}` };
  return new Running(process.execPath, [program], { ...spawn, environment: { ...socket, ...environment } });
}

/** A port that is free now, for programs that want to be told one. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address === "object" && address !== null) return address.port;
  throw new Error("there is no port");
}
