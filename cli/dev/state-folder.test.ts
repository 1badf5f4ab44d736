import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { describe, it } from "node:test";
import { processIdentity, processSpace } from "./processes.ts";
import { isOurFolder, makeFolder, runningWorlds, writeState } from "./state-folder.ts";

const uid = process.getuid?.() ?? 0;

/** A runtime directory, and folders of worlds in it. */
function stand() {
  const base = mkdtempSync(join(tmpdir(), "dev-"));
  const surroundings = { environment: { XDG_RUNTIME_DIR: base }, uid };
  return { base, surroundings, [Symbol.dispose]: () => rmSync(base, { recursive: true, force: true }) };
}

const rest = { isBackground: true, plan: "p", endpoint: "unix:///x" };

describe("folders of development worlds", () => {
  it("are for their user alone, and found as long as their process runs", () => {
    using here = stand();
    const folder = makeFolder(here.surroundings);
    assert.equal(join(folder, ".."), here.base);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    const own = processIdentity(process.pid);
    assert.ok(own);
    const state = { folder, ...own, ...rest };
    writeState(state);
    assert.deepEqual(runningWorlds(here.surroundings, Date.now()), [state]);
  });

  it("are removed when their process is gone, also when another one has its id now", () => {
    using here = stand();
    const [gone, reused, half] = [1, 2, 3].map(() => makeFolder(here.surroundings));
    assert.ok(gone !== undefined && reused !== undefined && half !== undefined);
    writeState({ folder: gone, pid: 2 ** 22 + 1, startTime: "1", ...rest });
    writeState({ folder: reused, pid: process.pid, startTime: "1", ...rest });
    // One that is just being made stays; one without state is left when it is old.
    const fresh = makeFolder(here.surroundings);
    utimesSync(half, 0, 0);
    assert.deepEqual(runningWorlds(here.surroundings, Date.now()), []);
    assert.deepEqual([gone, reused, half, fresh].map(existsSync), [false, false, false, true]);
  });

  it("of others, and links, are left alone", () => {
    using here = stand();
    const [elsewhere, other] = [join(here.base, "elsewhere"), join(here.base, "countersign-other")];
    mkdirSync(elsewhere);
    mkdirSync(other);
    symlinkSync(elsewhere, join(here.base, "countersign-dev-links0"));
    utimesSync(elsewhere, 0, 0);
    const notOurs = makeFolder(here.surroundings);
    utimesSync(notOurs, 0, 0);
    runningWorlds({ ...here.surroundings, uid: uid + 1 }, Date.now());
    assert.deepEqual([elsewhere, other, notOurs].map(existsSync), [true, true, true]);
    runningWorlds(here.surroundings, Date.now());
    assert.deepEqual([elsewhere, other, notOurs].map(existsSync), [true, true, false]);
  });

  it("are not made where others could take them away, or where a socket's path would be too long", () => {
    using here = stand();
    const long = join(here.base, "x".repeat(70));
    mkdirSync(long);
    const folder = makeFolder({ environment: { XDG_RUNTIME_DIR: long }, uid });
    assert.ok(!folder.startsWith(long));
    rmSync(folder, { recursive: true });
    const open = join(here.base, "open");
    mkdirSync(open);
    chmodSync(open, 0o777);
    const safe = makeFolder({ environment: { XDG_RUNTIME_DIR: open }, uid: uid + 1 });
    assert.ok(!safe.startsWith(open));
    rmSync(safe, { recursive: true });
  });

  it("are no folders of the user's that have such a name, nor worlds of another PID namespace", () => {
    using here = stand();
    const [long, exact] = ["countersign-dev-branch", "countersign-dev-abc123"].map((name) => join(here.base, name));
    assert.ok(long !== undefined && exact !== undefined);
    for (const folder of [join(long, "src"), join(exact, "src")]) mkdirSync(folder, { recursive: true });
    const [foreign, before] = [makeFolder(here.surroundings), makeFolder(here.surroundings)];
    const [boot] = processSpace().split("\n");
    for (const [folder, space] of [
      [foreign, `${boot}\npid:[1]`],
      [before, "another boot\npid:[1]"],
    ] as const) {
      writeFileSync(join(folder, ".countersign-dev"), space);
      writeState({ folder, pid: 2 ** 22 + 1, startTime: "1", ...rest });
    }
    for (const folder of [long, exact]) utimesSync(folder, 0, 0);
    assert.deepEqual(runningWorlds(here.surroundings, Date.now()), []);
    assert.deepEqual([long, join(exact, "src"), foreign, before].map(existsSync), [true, true, true, false]);
    assert.deepEqual(
      [long, exact, foreign].map((folder) => isOurFolder(folder, uid)),
      [false, false, true],
    );
  });

  it("are not made in the user's own folder that everybody may write to, and are absolute", () => {
    using here = stand();
    chmodSync(here.base, 0o777);
    const safe = makeFolder(here.surroundings);
    assert.ok(!safe.startsWith(here.base));
    rmSync(safe, { recursive: true });
    chmodSync(here.base, 0o1777);
    const folder = makeFolder({ environment: { XDG_RUNTIME_DIR: relative(process.cwd(), here.base) }, uid });
    assert.equal(join(folder, ".."), here.base);
  });
});
