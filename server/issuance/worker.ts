import { parentPort } from "node:worker_threads";
import { runSvidJob, type SigningContext } from "./svid-job.ts";
import { type FromWorker, packResults, type ToWorker, unpackItems } from "./worker-messages.ts";

/** Entry of a signing worker. Messages are handled in order, so a job is signed under the context sent before it. */
let context: SigningContext | undefined;

parentPort?.on("message", (message: ToWorker) => {
  if (message.kind === "context") {
    context = { issuer: message.issuer, key: message.key, blockedKeys: new Set(message.blockedKeys) };
    return;
  }
  const current = context;
  // Ends this worker; the pool refuses what was in work and starts another.
  if (current === undefined) throw new Error("a job came before the first context");
  const results = packResults(unpackItems(message.items).map((item) => runSvidJob(current, item)));
  const answer: FromWorker = { id: message.id, results };
  parentPort?.postMessage(answer, [results.bytes.bytes.buffer]);
});
