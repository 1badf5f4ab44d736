import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { callerOfProcess, FakeProcess, wanting } from "../../../../test/fakes/callers.ts";
import { FakeClock } from "../../../../test/fakes/fake-clock.ts";
import { startProgram } from "../../../../test/fakes/program.ts";
import type { WorkloadCaller } from "../../../ports.ts";
import { UnixAttestor } from "./unix-attestor.ts";

interface Setting {
  readonly folder: string;
  readonly attestor: UnixAttestor;
  readonly clock: FakeClock;
}

function setUp(context: TestContext, options: { maxExecutableBytes?: number; procRoot?: string } = {}): Setting {
  const folder = mkdtempSync(join(tmpdir(), "cs-unix-"));
  const passwdPath = join(folder, "passwd");
  const groupPath = join(folder, "group");
  writeFileSync(passwdPath, "web:x:1001:1002:\n");
  writeFileSync(groupPath, "webgroup:x:1002:\nextra:x:1003:web\n");
  const clock = new FakeClock(Date.UTC(2040, 0, 1));
  const attestor = new UnixAttestor(clock, { passwdPath, groupPath, ...options });
  context.after(async () => {
    await attestor[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  return { folder, attestor, clock };
}

/** A /proc with one process of the given credentials. */
function fakeProc(
  context: TestContext,
  status: string,
  exe?: string,
  userNamespace = readlinkSync("/proc/self/ns/user"),
): string {
  const root = mkdtempSync(join(tmpdir(), "cs-proc-"));
  context.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "77"));
  writeFileSync(join(root, "77", "status"), status);
  if (exe !== undefined) symlinkSync(exe, join(root, "77", "exe"));
  mkdirSync(join(root, "77", "ns"));
  symlinkSync(userNamespace, join(root, "77", "ns", "user"));
  return root;
}

const webStatus = "Name:\tweb\nUid:\t1001\t1001\t1001\t1001\nGid:\t1002\t1002\t1002\t1002\nGroups:\t1002 1003 1004 \n";
const web = (parts: Partial<WorkloadCaller> = {}): WorkloadCaller => ({
  pid: 77,
  uid: 1001,
  gid: 1002,
  groups: [1002, 1003, 1004],
  process: new FakeProcess(77),
  ...parts,
});

test("ids, names and groups become selectors; an id without a name makes no name", async (context) => {
  const procRoot = fakeProc(context, webStatus, "/usr/bin/web");
  const { attestor } = setUp(context, { procRoot });
  const selectors = await attestor.attest(web(), wanting());
  assert.deepEqual(selectors.map(String), [
    "unix:uid:1001",
    "unix:user:web",
    "unix:gid:1002",
    "unix:group:webgroup",
    "unix:supplementary_gid:1002",
    "unix:supplementary_group:webgroup",
    "unix:supplementary_gid:1003",
    "unix:supplementary_group:extra",
    "unix:supplementary_gid:1004",
    "unix:path:/usr/bin/web",
  ]);
});

test("a caller that did not change gets the same array; a new name or new groups a new one", async (context) => {
  const procRoot = fakeProc(context, webStatus, "/usr/bin/web");
  const { attestor, folder, clock } = setUp(context, { procRoot });
  const caller = web();
  const first = await attestor.attest(caller, wanting());
  assert.equal(await attestor.attest(caller, wanting()), first);
  writeFileSync(join(folder, "passwd"), "renamed:x:1001:1002:\n");
  await clock.advance(250);
  const renamed = await attestor.attest(caller, wanting());
  assert.ok(renamed.map(String).includes("unix:user:renamed"));
});

test("a caller whose uid, gid or groups in /proc are not the kernel's at connect is refused", async (context) => {
  const procRoot = fakeProc(context, webStatus, "/usr/bin/web");
  const { attestor } = setUp(context, { procRoot });
  for (const lie of [{ uid: 0 }, { gid: 0 }, { groups: [1002, 1003] }, { groups: [1002, 1003, 1004, 0] }]) {
    await assert.rejects(async () => await attestor.attest(web(lie), wanting()), { code: "ERR_CALLER_MISMATCH" });
  }
  await assert.doesNotReject(async () => await attestor.attest(web({ groups: [1004, 1003, 1002] }), wanting()));
});

test("a caller that changes its user after it was attested is refused the next time", async (context) => {
  const procRoot = fakeProc(context, webStatus, "/usr/bin/web");
  const { attestor } = setUp(context, { procRoot });
  const caller = web();
  await attestor.attest(caller, wanting());
  writeFileSync(join(procRoot, "77", "status"), webStatus.replace("\t1001\t1001", "\t1001\t0"));
  await assert.rejects(async () => await attestor.attest(caller, wanting()), { code: "ERR_CALLER_MISMATCH" });
});

test("an executable that cannot be read fails the attestation only where an entry asks for it", async (context) => {
  const { attestor } = setUp(context, { procRoot: fakeProc(context, webStatus) });
  const selectors = await attestor.attest(web(), wanting());
  assert.equal(
    selectors.some(({ value }) => value.startsWith("path:")),
    false,
  );
  for (const prefix of ["unix:path:", "unix:sha256:"]) {
    await assert.rejects(async () => await attestor.attest(web(), wanting(prefix)), {
      code: "ERR_EXECUTABLE_UNREADABLE",
    });
  }
});

test("a caller in another user namespace has no selectors of its executable, whatever /proc shows", async (context) => {
  for (const [userNamespace, count] of [
    [readlinkSync("/proc/self/ns/user"), 2],
    ["user:[1]", 0],
  ] as const) {
    const { attestor } = setUp(context, { procRoot: fakeProc(context, webStatus, "/bin/sh", userNamespace) });
    const selectors = await attestor.attest(web(), wanting("unix:path:", "unix:sha256:"));
    assert.equal(selectors.filter(({ value }) => /^(path|sha256):/.test(value)).length, count);
    assert.ok(selectors.map(String).includes("unix:uid:1001"));
  }
});

test("a process that is gone is told from one that cannot be read", async (context) => {
  const { attestor } = setUp(context, { procRoot: fakeProc(context, webStatus) });
  const caller = web({ pid: 78, process: new FakeProcess(78) });
  await assert.rejects(async () => await attestor.attest(caller, wanting()), { code: "ERR_ATTESTATION_FAILED" });
  const process = new FakeProcess(78);
  process.isGone = true;
  await assert.rejects(async () => await attestor.attest(web({ pid: 78, process }), wanting()), {
    code: "ERR_CALLER_GONE",
  });
});

test("more groups than the limit fail the attestation and are not cut short", async (context) => {
  const groups = Array.from({ length: 1_025 }, (_, index) => index + 5_000);
  const status = webStatus.replace("1002 1003 1004", groups.join(" "));
  const { attestor } = setUp(context, { procRoot: fakeProc(context, status, "/usr/bin/web") });
  await assert.rejects(async () => await attestor.attest(web({ groups }), wanting()), {
    code: "ERR_ATTESTATION_FAILED",
  });
});

test("sha256 is of the running file, and only made when an entry asks for it", async (context) => {
  const { attestor, folder } = setUp(context);
  const path = join(folder, "app");
  const program = await startProgram(context, path);
  const caller = callerOfProcess(program.pid);
  const without = await attestor.attest(caller, wanting());
  assert.ok(without.map(String).includes(`unix:path:${path}`));
  assert.equal(
    without.some(({ value }) => value.startsWith("sha256:")),
    false,
  );
  const digest = createHash("sha256").update(readFileSync(path)).digest("hex");
  const withDigest = await attestor.attest(caller, wanting("unix:sha256:"));
  assert.ok(withDigest.map(String).includes(`unix:sha256:${digest}`));
  assert.equal(await attestor.attest(caller, wanting("unix:sha256:")), withDigest);
});

test("an executable over the size limit is refused where sha256 is asked for", async (context) => {
  const { attestor, folder } = setUp(context, { maxExecutableBytes: 10 });
  const program = await startProgram(context, join(folder, "app"));
  const caller = callerOfProcess(program.pid);
  await assert.doesNotReject(async () => await attestor.attest(caller, wanting("unix:path:")));
  await assert.rejects(async () => await attestor.attest(caller, wanting("unix:sha256:")), {
    code: "ERR_EXECUTABLE_TOO_LARGE",
  });
});

test("a process that becomes another program while it is hashed is refused", async (context) => {
  const procRoot = fakeProc(context, webStatus, "/bin/cat");
  const { attestor } = setUp(context, { procRoot });
  const attesting = Promise.resolve(attestor.attest(web(), wanting("unix:sha256:")));
  rmSync(join(procRoot, "77", "exe"));
  symlinkSync("/bin/sh", join(procRoot, "77", "exe"));
  await assert.rejects(attesting, { code: "ERR_ATTESTATION_FAILED" });
});

test("callers of whom the same is true get one array; who differs gets another", async (context) => {
  const procRoot = fakeProc(context, webStatus, "/usr/bin/web");
  const { attestor } = setUp(context, { procRoot });
  const first = await attestor.attest(web(), wanting());
  assert.equal(await attestor.attest(web(), wanting()), first);
  const other = fakeProc(context, webStatus, "/usr/bin/other");
  const { attestor: elsewhere } = setUp(context, { procRoot: other });
  assert.notDeepEqual((await elsewhere.attest(web(), wanting())).map(String), first.map(String));
  rmSync(join(procRoot, "77", "exe"));
  symlinkSync("/usr/bin/other", join(procRoot, "77", "exe"));
  const moved = await attestor.attest(web(), wanting());
  assert.notEqual(moved, first);
  assert.ok(moved.map(String).includes("unix:path:/usr/bin/other"));
});
