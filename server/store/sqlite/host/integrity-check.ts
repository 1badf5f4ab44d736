import { Worker } from "node:worker_threads";

export interface IntegrityOptions {
  /** Of the database file. */
  readonly path: string;
  readonly mostProblems: number;
}

export type IntegrityAnswer = { readonly problems: readonly string[] } | { readonly failure: string };

/** From its sources the worker is a .ts file, from a published package a .js file, as this one. */
const workerUrl = new URL(`./integrity-worker.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`, import.meta.url);

/**
 * SQLite's `quick_check` of a database that is in use, in a thread of its own. Resolves with what is damaged; an empty
 * list is a sound file. Ends with `signal`. Rejects when the file cannot be looked at.
 */
export async function checkIntegrity(options: IntegrityOptions, signal: AbortSignal): Promise<readonly string[]> {
  signal.throwIfAborted();
  const worker = new Worker(workerUrl, { workerData: options, name: "store-check" });
  const end = (): void => void worker.terminate();
  signal.addEventListener("abort", end, { once: true });
  try {
    const answer = await new Promise<IntegrityAnswer>((resolve, reject) => {
      worker.once("message", (message: IntegrityAnswer) => resolve(message));
      worker.once("error", reject);
      worker.once("exit", () => reject(new Error("the check ended without an answer")));
    });
    if ("failure" in answer) throw new Error(answer.failure);
    return answer.problems;
  } finally {
    signal.removeEventListener("abort", end);
  }
}
