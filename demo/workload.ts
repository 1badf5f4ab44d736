/**
 * One workload of the demo: `workload.ts NAME PEER`. Serves https, calls its peer without pause, and prints what it
 * sees as lines of JSON. Without a peer it only asks for its identity and prints the refusal and the arrival.
 */
import { createInterface } from "node:readline";
import {
  createHttpsAgent,
  createHttpsServer,
  id,
  peerOf,
  WorkloadApiClient,
  type WorkloadError,
  X509Source,
} from "../sdk/index.ts";
import { Traffic } from "./traffic.ts";

const [name = "", peer = ""] = process.argv.slice(2);

function tell(event: string, fields: Readonly<Record<string, unknown>>): void {
  console.log(JSON.stringify({ event, at: Date.now(), ...fields }));
}

if (peer === "") await waitForIdentity();
else await serveAndCall();

async function waitForIdentity(): Promise<void> {
  process.stdin.resume().on("end", () => process.exit(0));
  await using client = WorkloadApiClient.create();
  const onProblem = (problem: WorkloadError): void => {
    tell("refused", { message: problem.message, reason: problem.reason ?? problem.code, fix: problem.fix ?? "" });
  };
  for await (const context of client.watchX509Context({ onProblem }))
    tell("identity", { id: context.svids[0].id.toString() });
}

async function serveAndCall(): Promise<void> {
  const source = await X509Source.open();
  const authorize = id(`spiffe://demo.example/${peer}`);
  const server = createHttpsServer(source, { authorize }, (request, response) => {
    response.end(JSON.stringify({ from: name, to: peerOf(request).id.toString() }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  tell("serving", { id: source.svid.id.toString(), serial: source.svid.leaf.serialNumber, port });

  const keepAlive = createHttpsAgent(source, { authorize, keepAlive: true, maxSockets: 1 });
  const fresh = createHttpsAgent(source, { authorize, keepAlive: false });
  const traffic = new Traffic();
  const report = setInterval(() => tell("traffic", traffic.counts()), 250);
  createInterface({ input: process.stdin })
    .once("line", (line) => void traffic.run(Number(line), [keepAlive, fresh]))
    .once("close", () => {
      clearInterval(report);
      traffic.stop();
      tell("traffic", traffic.counts());
      server.close();
      keepAlive.destroy();
      fresh.destroy();
      void source.close().then(() => process.exit(0));
    });
}
