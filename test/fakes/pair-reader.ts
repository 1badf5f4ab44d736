/** A program that reads its certificate and key again and again, as fast as it can, in a thread of its own. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

export interface PairFiles {
  /** Absolute. The same file twice: a combined one, read once. */
  readonly chain: string;
  readonly key: string;
  /** Resolve the folder that the chain is in once for each round, and read both there. */
  readonly resolvesFolder: boolean;
  /** Between rounds, so that others get something done. Default none. */
  readonly pauseMs?: number;
}

export interface PairCounts {
  readonly rounds: number;
  readonly certificates: number;
  readonly mismatches: number;
  readonly failures: readonly string[];
}

export class PairReader implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  readonly #result: Promise<PairCounts>;

  private constructor(files: PairFiles) {
    this.#worker = new Worker(fileURLToPath(import.meta.url), { workerData: { files, stop: this.#stop } });
    this.#result = new Promise((resolve, reject) => {
      this.#worker.once("error", reject);
      this.#worker.on("message", (message: PairCounts | "reading") => {
        if (message !== "reading") resolve(message);
      });
    });
  }

  /** Resolves once it reads. */
  static async start(files: PairFiles): Promise<PairReader> {
    const reader = new PairReader(files);
    await new Promise<void>((resolve) => reader.#worker.once("message", () => resolve()));
    return reader;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }

  async stop(): Promise<PairCounts> {
    Atomics.store(this.#stop, 0, 1);
    Atomics.notify(this.#stop, 0);
    return this.#result;
  }
}

function readPair({ chain, key, resolvesFolder }: PairFiles): readonly [string, string] {
  if (chain === key) {
    const both = readFileSync(chain, "utf8");
    return [both, both];
  }
  if (!resolvesFolder) return [readFileSync(chain, "utf8"), readFileSync(key, "utf8")];
  const folder = realpathSync(join(dirname(chain), "..data"));
  return [
    readFileSync(chain.replace(dirname(chain), folder), "utf8"),
    readFileSync(key.replace(dirname(key), folder), "utf8"),
  ];
}

function readUntilStopped({ files, stop }: { readonly files: PairFiles; readonly stop: Int32Array }): PairCounts {
  const serials = new Set<string>();
  const failures: string[] = [];
  let [rounds, mismatches] = [0, 0];
  do {
    rounds += 1;
    try {
      const [chain, key] = readPair(files);
      // Only the key's block: of a combined file the parser takes what it knows.
      const certificate = new X509Certificate(/-----BEGIN CERT[\s\S]*?END CERTIFICATE-----/.exec(chain)?.[0] ?? "");
      if (!certificate.checkPrivateKey(createPrivateKey(key))) mismatches += 1;
      serials.add(certificate.serialNumber);
    } catch (error) {
      if (failures.length < 10) failures.push(String(error));
    }
    if (files.pauseMs !== undefined) Atomics.wait(stop, 0, 0, files.pauseMs);
  } while (Atomics.load(stop, 0) === 0);
  return { rounds, certificates: serials.size, mismatches, failures };
}

if (!isMainThread && parentPort !== null && "files" in workerData) {
  parentPort.postMessage("reading");
  parentPort.postMessage(readUntilStopped(workerData));
}
