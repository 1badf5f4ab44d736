import Database from "better-sqlite3";
import { serverLimits } from "../../../limits.ts";
import { migrations } from "../migrations/migrations.ts";
import { StoreFailureError } from "./failure.ts";

/** "CSgn": marks the file as ours, so that another program's database is not migrated by mistake. */
const applicationId = 0x4353_676e;

/** Opens and migrates. `path` may be ":memory:". Files must exist already (with their mode) or be creatable. */
export function openDatabase(path: string): Database.Database {
  const db = new Database(path, { timeout: serverLimits.storeLockWaitMs.value });
  try {
    // The first statement that reads the file: a damaged one fails here.
    const version = readVersion(db);
    db.pragma("journal_mode = WAL");
    // NORMAL loses acknowledged writes at power loss.
    db.pragma("synchronous = FULL");
    db.pragma("foreign_keys = ON");
    db.pragma("trusted_schema = OFF");
    db.pragma("cell_size_check = ON");
    db.pragma(`journal_size_limit = ${serverLimits.storeWalBytes.value}`);
    migrate(db, version);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function readVersion(db: Database.Database): number {
  const version = Number(db.pragma("user_version", { simple: true }));
  const owner = Number(db.pragma("application_id", { simple: true }));
  const tables = Number(db.prepare("SELECT count(*) FROM sqlite_schema").pluck().get());
  if (tables > 0 && owner !== applicationId) {
    throw new StoreFailureError({ code: "ERR_STORE_CORRUPT", message: "the database file is not one of ours" });
  }
  if (version > migrations.length) {
    throw new StoreFailureError({
      code: "ERR_STORE_SCHEMA_NEWER",
      message: `the database has schema ${version}, this release knows up to ${migrations.length}`,
    });
  }
  return version;
}

/** Each migration in a transaction of its own: a crash leaves a whole schema version behind. */
function migrate(db: Database.Database, from: number): void {
  for (const [index, sql] of migrations.entries()) {
    const version = index + 1;
    if (version <= from) continue;
    db.exec("BEGIN IMMEDIATE");
    try {
      db.exec(sql);
      db.pragma(`application_id = ${applicationId}`);
      db.pragma(`user_version = ${version}`);
      db.exec("COMMIT");
    } catch (error) {
      if (db.inTransaction) db.exec("ROLLBACK");
      throw error;
    }
  }
}
