import Database from "better-sqlite3";
import type { StoreFailure } from "../protocol.ts";

/** An engine failure that already has its code. */
export class StoreFailureError extends Error {
  override readonly name = "StoreFailureError";
  readonly failure: StoreFailure;

  constructor(failure: StoreFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** What an exception of the engine means to the caller. */
export function failureOf(error: unknown): StoreFailure {
  if (error instanceof StoreFailureError) return error.failure;
  const detail = error instanceof Error ? error.message : String(error);
  if (error instanceof Database.SqliteError) {
    if (/^SQLITE_(CORRUPT|NOTADB|FORMAT)/.test(error.code)) {
      return { code: "ERR_STORE_CORRUPT", message: `the database is damaged or not ours: ${detail}` };
    }
    return { code: "ERR_STORE_UNAVAILABLE", message: `the database refused (${error.code}): ${detail}` };
  }
  return { code: "ERR_STORE_UNAVAILABLE", message: `the store failed: ${detail}` };
}
