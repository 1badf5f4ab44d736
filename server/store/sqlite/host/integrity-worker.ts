/** A short-lived thread that reads the whole database once, beside the store's own and without holding up its writes. */
import { parentPort, workerData } from "node:worker_threads";
import Database from "better-sqlite3";
import type { IntegrityAnswer, IntegrityOptions } from "./integrity-check.ts";

/** One connection of its own: in WAL mode a reader keeps no writer waiting. */
function look({ path, mostProblems }: IntegrityOptions): IntegrityAnswer {
  try {
    const db = new Database(path, { readonly: true, fileMustExist: true });
    try {
      const lines = db.pragma(`quick_check(${mostProblems})`, { simple: false });
      const problems = Array.isArray(lines) ? lines.map((line: unknown) => textOf(line)) : [];
      return { problems: problems.filter((problem) => problem !== "ok") };
    } finally {
      db.close();
    }
  } catch (error) {
    // A page so damaged that reading stops there is an answer, too.
    if (error instanceof Database.SqliteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code)) {
      return { problems: [error.message] };
    }
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}

function textOf(line: unknown): string {
  return typeof line === "object" && line !== null ? Object.values(line).map(String).join(" ") : String(line);
}

const options: IntegrityOptions = workerData;
parentPort?.postMessage(look(options));
