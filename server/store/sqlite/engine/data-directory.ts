import { chmodSync, closeSync, openSync, statSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { ensureFolder } from "../../../../runtime/host/ensure-folder.ts";
import { Engine, type EngineOptions } from "./engine.ts";
import { StoreFailureError } from "./failure.ts";

export interface DataDirectoryOptions extends Omit<EngineOptions, "path" | "inode"> {
  /** Made with mode 0700 when missing; set to 0700 when it is more open. */
  readonly directory: string;
}

/** An engine over the files of a directory, and the lock that keeps a second server out. */
export interface DataDirectory {
  readonly engine: Engine;
  /** Gives the lock back; the engine is closed by whoever uses it. */
  unlock(): void;
}

export const databaseFile = "server.db";
const lockFile = "server.lock";

/** @throws what `failureOf` gives a code to */
export function openDataDirectory(options: DataDirectoryOptions): DataDirectory {
  const { directory, ...rest } = options;
  ensureFolder(directory);
  if ((statSync(directory).mode & 0o077) !== 0) chmodSync(directory, 0o700);
  const lock = takeLock(join(directory, lockFile));
  try {
    const path = join(directory, databaseFile);
    makePrivate(path);
    const engine = new Engine({ ...rest, path, inode: statSync(path, { bigint: true }).ino.toString() });
    return { engine, unlock: () => lock.close() };
  } catch (error) {
    lock.close();
    throw error;
  }
}

/**
 * A lock that the kernel gives back when the process dies, however it dies: SQLite's exclusive lock on an empty
 * database. Node has no other way to a lock of that kind.
 */
function takeLock(path: string): Database.Database {
  makePrivate(path);
  const db = new Database(path, { timeout: 0 });
  try {
    db.exec("BEGIN EXCLUSIVE");
    return db;
  } catch (error) {
    db.close();
    if (error instanceof Database.SqliteError && error.code.startsWith("SQLITE_BUSY")) {
      throw new StoreFailureError({
        code: "ERR_STORE_LOCKED",
        message: "another running server has this data directory open",
      });
    }
    throw error;
  }
}

/** SQLite gives its own files (-wal, -shm) the mode of the database file. */
function makePrivate(path: string): void {
  closeSync(openSync(path, "a", 0o600));
  if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
}
