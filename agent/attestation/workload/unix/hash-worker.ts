/** Runs in a worker thread: hashes what an open descriptor of the process refers to. */
import { createHash } from "node:crypto";
import { readSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import type { HashJob, HashResult } from "./hash-thread.ts";

const chunk = Buffer.allocUnsafeSlow(1 << 20);

function hash({ id, fd, size }: HashJob): HashResult {
  try {
    const digest = createHash("sha256");
    let position = 0;
    for (;;) {
      const read = readSync(fd, chunk, 0, chunk.length, position);
      if (read === 0) break;
      position += read;
      if (position > size) break;
      digest.update(chunk.subarray(0, read));
    }
    if (position !== size) return { id, kind: "failed", reason: "the file changed while it was read" };
    return { id, kind: "hashed", hex: digest.digest("hex") };
  } catch (error) {
    return { id, kind: "failed", reason: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on("message", (job: HashJob) => parentPort?.postMessage(hash(job)));
