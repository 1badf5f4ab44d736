import { fileURLToPath } from "node:url";
import { Running } from "../test/env/processes.ts";
import type { WorkloadIdentity } from "./identities.ts";
import type { Stage } from "./stage.ts";

const program = fileURLToPath(new URL("./workload.ts", import.meta.url));

export interface Workload {
  readonly name: string;
  readonly running: Running;
  readonly port: number;
  talkTo(port: number): void;
  stop(): Promise<void>;
}

/** What a workload counted so far. */
export interface TrafficReport {
  readonly name: string;
  readonly requests: number;
  readonly freshConnections: number;
  readonly failures: number;
  readonly lastFailure: string;
  readonly peerSerials: number;
  readonly issuers: number;
}

/** Starts demo/workload.ts under its own kernel identity; with a `peer` it serves and calls, without it only asks. */
export async function startWorkload(
  name: string,
  identity: WorkloadIdentity,
  socket: string,
  peer: string | undefined,
  stage: Stage,
  stack: AsyncDisposableStack,
): Promise<Workload> {
  const running = stack.use(
    new Running(identity.execPath, ["--disable-warning=ExperimentalWarning", program, name, peer ?? ""], {
      environment: { SPIFFE_ENDPOINT_SOCKET: `unix://${socket}` },
      ...(identity.uid === undefined ? {} : { uid: identity.uid, gid: identity.uid }),
    }),
  );
  let port = 0;
  if (peer !== undefined) {
    const ready = await running.waitFor((line) => line["event"] === "serving");
    port = Number(ready["port"]);
    stage.tell(name, `is ${ready["id"]}, serial ${short(ready["serial"])}, and serves https on port ${port}`);
  }
  return {
    name,
    running,
    port,
    talkTo: (target) => void running.child.stdin?.write(`${target}\n`),
    stop: async () => {
      running.child.stdin?.end();
      await running.stop();
    },
  };
}

export function reportsOf(workload: Workload): TrafficReport {
  const last = workload.running.log.findLast((line) => line["event"] === "traffic");
  const count = (key: string): number => Number(last?.[key] ?? 0);
  return {
    name: workload.name,
    requests: count("requests"),
    freshConnections: count("freshConnections"),
    failures: count("failures"),
    lastFailure: String(last?.["lastFailure"] ?? ""),
    peerSerials: count("peerSerials"),
    issuers: count("issuers"),
  };
}

function short(serial: unknown): string {
  return `${String(serial).slice(0, 8)}…`;
}
