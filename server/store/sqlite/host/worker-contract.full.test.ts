// needs: time; budget: 120
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { silentLogger, systemClock, systemRandom } from "../../../../runtime/core/index.ts";
import { storeContract } from "../../../../test/contract/store.ts";
import { exampleTrustDomain } from "../../../../test/fakes/server-values.ts";
import { openSqliteStore } from "../open.ts";

const options = { trustDomain: exampleTrustDomain, clock: systemClock, random: systemRandom, logger: silentLogger };
const base = await mkdtemp(join(tmpdir(), "countersign-store-"));
after(() => rm(base, { recursive: true }));
let directories = 0;

storeContract({
  name: "SQLite in its worker",
  open: () => {
    directories += 1;
    return openSqliteStore({ ...options, directory: join(base, String(directories)) });
  },
});
