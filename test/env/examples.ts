import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
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

/**
 * A port of 127.0.0.1 that is free now, for programs that want to be told one. It is none of those that outgoing connections
 * get: nobody takes it by chance before the program does.
 */
export async function freePort(): Promise<number> {
  const [lowest = "32768"] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8").split(/\s/);
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = randomInt(10_000, Math.max(10_100, Number(lowest)));
    if (await isFree(port)) return port;
  }
  throw new Error("there is no port");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().listen(port, "127.0.0.1");
    server.once("error", () => resolve(false));
    server.once("listening", () => server.close(() => resolve(true)));
  });
}
