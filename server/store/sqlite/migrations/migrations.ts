import { init } from "./001-init.ts";
import { federation } from "./002-federation.ts";
import { nodeAuthority } from "./003-node-authority.ts";

/**
 * Position in the list + 1 = schema version (`PRAGMA user_version`).
 * 1: everything of the first release. 2: federation relationships. 3: authorities of nodes.
 */
export const migrations: readonly string[] = [init, federation, nodeAuthority];
