import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { unsafeSocketFolder } from "./socket-folder.ts";

const us = 1000;

/** Looks at /tmp/…/a/b/s.sock with the given facts of a and b; all above is root's. */
function look(context: { after(clean: () => void): void }, a: object, b: object): string | undefined {
  const root = mkdtempSync(join(tmpdir(), "cs-sf-"));
  context.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "a", "b"), { recursive: true });
  symlinkSync(join(root, "a"), join(root, "link"));
  const safe = { uid: 0, mode: 0o755 };
  return unsafeSocketFolder(join(root, "link", "b", "s.sock"), us, (folder) => {
    if (folder === join(root, "a", "b")) return { ...safe, ...b };
    return folder === join(root, "a") ? { ...safe, ...a } : safe;
  });
}

test("folders of root and our own are safe, sticky ones too", (context) => {
  assert.equal(look(context, {}, {}), undefined);
  assert.equal(look(context, { uid: us }, { uid: us, mode: 0o700 }), undefined);
  assert.equal(look(context, { mode: 0o1777 }, { uid: us, mode: 0o770 }), undefined);
});

test("somebody else's folder, or one that everybody may write, is named; one above it too, behind a link as well", (context) => {
  assert.match(look(context, {}, { uid: 1001 }) ?? "", /a\/b belongs to uid 1001$/);
  assert.match(look(context, { uid: 1001 }, { uid: us }) ?? "", /a belongs to uid 1001$/);
  assert.match(look(context, {}, { uid: us, mode: 0o777 }) ?? "", /a\/b is writable for everybody/);
  assert.match(look(context, { mode: 0o777 }, {}) ?? "", /a is writable for everybody/);
});
