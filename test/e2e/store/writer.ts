/** A process that writes until it is killed, and says what was acknowledged. */
import { writeSync } from "node:fs";
import { silentLogger, systemClock, systemRandom } from "../../../runtime/core/index.ts";
import { openInlineStore, openSqliteStore } from "../../../server/store/sqlite/open.ts";
import { entryOf, exampleTrustDomain } from "../../fakes/server-values.ts";

const [directory = "", host = "", round = ""] = process.argv.slice(2);
const options = { trustDomain: exampleTrustDomain, clock: systemClock, random: systemRandom, logger: silentLogger };
const store = await (host === "worker" ? openSqliteStore : openInlineStore)({ ...options, directory });
const { n } = await store.head();
writeSync(1, `opened ${n}\n`);

async function write(writer: number): Promise<void> {
  for (let count = 0; ; count += 1) {
    const ids = Array.from({ length: 7 }, (_, index) => `r${round}-w${writer}-${count}-${index}`);
    const outcomes = await store.createEntries(
      ids.map((id) => entryOf(id, "a")),
      1_700_000_000,
    );
    if (outcomes.some(({ kind }) => kind !== "created")) throw new Error("not created");
    const [deleted = ""] = ids;
    await store.deleteEntries([deleted]);
    writeSync(1, `acknowledged ${ids.slice(1).join(" ")}\ndeleted ${deleted}\n`);
  }
}

await Promise.all([0, 1, 2, 3].map(write));
