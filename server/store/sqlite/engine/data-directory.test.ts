import assert from "node:assert/strict";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import Database from "better-sqlite3";
import { migrations } from "../migrations/migrations.ts";
import { type DataDirectory, databaseFile, openDataDirectory } from "./data-directory.ts";
import { failureOf } from "./failure.ts";

const base = mkdtempSync(join(tmpdir(), "countersign-store-"));
after(() => rmSync(base, { recursive: true }));
let count = 0;

function newDirectory(): string {
  count += 1;
  return join(base, `d${count}`, "data");
}

function open(directory: string, epoch = "epoch-1"): DataDirectory {
  return openDataDirectory({ directory, trustDomain: "example.org", newEpoch: epoch, newServerId: "s", nowMs: 0 });
}

function close({ engine, unlock }: DataDirectory): void {
  engine.close();
  unlock();
}

function epochOf({ engine }: DataDirectory): unknown {
  const [answer] = engine.execute([{ op: "head", args: {} }]);
  return answer?.kind === "answer" ? answer.value : answer;
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return failureOf(error).code;
  }
  return "none";
}

describe("openDataDirectory()", () => {
  it("keeps directory and files to their owner, also when they were more open", () => {
    const directory = newDirectory();
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    chmodSync(directory, 0o755);
    writeFileSync(join(directory, databaseFile), "", { mode: 0o644 });
    const opened = open(directory);
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    const files = readdirSync(directory);
    assert.ok(files.includes("server.db-wal") && files.includes("server.lock"), files.join());
    for (const file of files) assert.equal(statSync(join(directory, file)).mode & 0o777, 0o600, file);
    close(opened);
  });

  it("lets a second server in only when the first has gone", () => {
    const directory = newDirectory();
    const first = open(directory);
    assert.equal(
      codeOf(() => open(directory)),
      "ERR_STORE_LOCKED",
    );
    close(first);
    close(open(directory));
  });

  it("keeps its epoch when it is opened again, and draws a new one when the file is a copy", () => {
    const [directory, restored] = [newDirectory(), newDirectory()];
    close(open(directory));
    const again = open(directory, "epoch-2");
    assert.deepEqual(epochOf(again), { epoch: "epoch-1", n: 0 });
    close(again);
    mkdirSync(restored, { recursive: true });
    copyFileSync(join(directory, databaseFile), join(restored, databaseFile));
    const copy = open(restored, "epoch-3");
    assert.deepEqual(epochOf(copy), { epoch: "epoch-3", n: 0 });
    close(copy);
  });

  it("refuses a file that is no database, a damaged one, and another program's", () => {
    const [garbage, damaged, foreign] = [newDirectory(), newDirectory(), newDirectory()];
    mkdirSync(garbage, { recursive: true });
    writeFileSync(
      join(garbage, databaseFile),
      "this is not a database, and it is longer than one hundred bytes. ".repeat(9),
    );
    assert.equal(
      codeOf(() => open(garbage)),
      "ERR_STORE_CORRUPT",
    );

    close(open(damaged));
    const file = join(damaged, databaseFile);
    const size = statSync(file).size;
    writeFileSync(file, Buffer.alloc(size - 100, 0xa5), { flag: "r+" });
    assert.equal(
      codeOf(() => open(damaged)),
      "ERR_STORE_CORRUPT",
    );

    mkdirSync(foreign, { recursive: true });
    const other = new Database(join(foreign, databaseFile));
    other.exec("CREATE TABLE somebody_elses (x)");
    other.close();
    assert.equal(
      codeOf(() => open(foreign)),
      "ERR_STORE_CORRUPT",
    );
  });

  it("refuses the database of a newer release and leaves it alone", () => {
    const directory = newDirectory();
    close(open(directory));
    const db = new Database(join(directory, databaseFile));
    db.pragma(`user_version = ${migrations.length + 1}`);
    db.close();
    assert.equal(
      codeOf(() => open(directory)),
      "ERR_STORE_SCHEMA_NEWER",
    );
    const after = new Database(join(directory, databaseFile));
    assert.equal(after.pragma("user_version", { simple: true }), migrations.length + 1);
    after.close();
  });

  it("brings the database of the first release up to date, and loses nothing of it", () => {
    const directory = newDirectory();
    close(open(directory));
    const db = new Database(join(directory, databaseFile));
    for (const column of ["authority_id", "seen_at", "syncs"])
      db.exec(`ALTER TABLE attested_nodes DROP COLUMN ${column}`);
    db.exec("DROP TABLE federation_relationships; PRAGMA user_version = 1");
    db.exec(
      "INSERT INTO bundles (trust_domain, n, sequence_number) VALUES ('a.example', 1, '7'); UPDATE feed SET head = 2",
    );
    db.exec(
      "INSERT INTO attested_nodes VALUES (1, 'spiffe://a.example/n', 2, 'join_token', '[]', '5', 9, '', 0, 0, 0, '1')",
    );
    db.close();
    const opened = open(directory);
    const [bundle, federation, node] = opened.engine.execute([
      { op: "findBundle", args: { trustDomain: "a.example" } },
      { op: "findFederation", args: { trustDomain: "a.example" } },
      { op: "findNode", args: { id: "spiffe://a.example/n" } },
    ]);
    assert.deepEqual(bundle, { kind: "answer", value: ["a.example", "7", null, [], []] });
    assert.deepEqual(federation, { kind: "answer", value: null });
    const kept = ["spiffe://a.example/n", "join_token", "[]", "5", 9, "", 0, 0, 0, "1"];
    assert.deepEqual(node, { kind: "answer", value: [...kept, "", 0, 0] });
    assert.deepEqual(epochOf(opened), { epoch: "epoch-1", n: 2 });
    close(opened);
  });

  it("has no lock left after a refusal", () => {
    const directory = newDirectory();
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, databaseFile), "no database".repeat(100));
    assert.equal(
      codeOf(() => open(directory)),
      "ERR_STORE_CORRUPT",
    );
    rmSync(join(directory, databaseFile));
    close(open(directory));
  });

  it("says unavailable when the directory cannot be made", () => {
    const directory = newDirectory();
    mkdirSync(join(directory, ".."), { recursive: true });
    writeFileSync(directory, "a file is in the way");
    assert.equal(
      codeOf(() => open(directory)),
      "ERR_STORE_UNAVAILABLE",
    );
  });
});
