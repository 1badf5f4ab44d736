import { init } from "./001-init.ts";

/**
 * Position in the list + 1 = schema version (`PRAGMA user_version`).
 * 1: everything of the first release.
 */
export const migrations: readonly string[] = [init];
