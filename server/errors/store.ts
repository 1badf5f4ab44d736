import type { ErrorSpec } from "../../transport/errors/service-error.ts";

/** Of the store and the registry. */
export const storeErrors = {
  ERR_ENTRY_EXISTS: {
    status: "alreadyExists",
    meaning: "An entry with this SPIFFE ID, parent and selector set exists, or the chosen entry id is taken.",
    fix: "update the existing entry, which the answer carries, or leave the id out",
  },
  ERR_ENTRY_INVALID: {
    status: "invalidArgument",
    meaning: "One or more fields of the entry break a rule; the message names every one of them.",
    fix: "correct the fields that the message names",
  },
  ERR_ENTRY_NO_BUNDLE: {
    status: "failedPrecondition",
    meaning: "The entry federates with a trust domain whose bundle is not stored here.",
    fix: "store that trust domain's bundle first, then create the entry",
  },
  ERR_ENTRY_NOT_FOUND: {
    status: "notFound",
    meaning: "There is no entry of that id in the store.",
    fix: "list the entries: it was deleted, or it expired",
  },
  ERR_FILTER_INVALID: {
    status: "invalidArgument",
    meaning: "A filter of a list or count request cannot be read; it is refused rather than ignored.",
    fix: "correct the filter field that the message names",
  },
  ERR_PAGE_TOKEN: {
    status: "invalidArgument",
    meaning: "The page token was not made by this store for this list and this filter.",
    fix: "start the list again without a page token",
  },
  ERR_STORE_DAMAGED: {
    status: "dataLoss",
    meaning:
      "SQLite's check of the whole database file, a while after the start, found damage: what is stored there cannot be relied on. The server goes on with what it has in memory; health says so.",
    fix: "stop the server and restore data_dir from a backup; look at the disk, the log names what is damaged",
  },
  ERR_STORE_CORRUPT: {
    status: "dataLoss",
    meaning: "The database file is damaged, or it is not a Countersign database. It is never repaired silently.",
    fix: "stop the server and restore the data directory from a backup",
  },
  ERR_STORE_LOST: {
    status: "failedPrecondition",
    meaning:
      "The database is empty while the keys directory beside it holds keys of another one: it was lost or moved.",
    fix: "restore the database from a backup; to begin a new trust domain all the same, move the keys directory away",
  },
  ERR_STORE_LOCKED: {
    status: "failedPrecondition",
    meaning: "Another running server has this data directory open.",
    fix: "stop the other server, or give this one a data directory of its own",
  },
  ERR_STORE_SCHEMA_NEWER: {
    status: "failedPrecondition",
    meaning: "The database was written by a newer release than this one.",
    fix: "run the newer release, or restore a backup made before the upgrade",
  },
  ERR_STORE_UNAVAILABLE: {
    status: "unavailable",
    meaning: "The store did not acknowledge: nothing was changed, or it is not known whether it was.",
    fix: "call again; if it stays, check space and permissions of the data directory, and the server's log",
  },
} as const satisfies Readonly<Record<string, ErrorSpec>>;
