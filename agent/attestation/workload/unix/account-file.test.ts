import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseAccountFile } from "./account-file.ts";

test("names of /etc/passwd and of /etc/group are found by id", () => {
  assert.deepEqual(
    [...parseAccountFile("root:x:0:0:root:/root:/bin/sh\nweb:x:1001:1001::/:/bin/false\n")],
    [
      [0, "root"],
      [1001, "web"],
    ],
  );
  assert.deepEqual([...parseAccountFile("wheel:x:10:root,web\n")], [[10, "wheel"]]);
});

test("of two names for one id the first counts", () => {
  assert.equal(parseAccountFile("first:x:5:5:\nsecond:x:5:5:\n").get(5), "first");
});

test("comments, NIS includes and lines that do not fit are skipped, the rest is read", () => {
  const text = [
    "# root:x:1:1",
    "+::::",
    "-bad:x:2:2",
    "",
    "short:x",
    ":x:3:3",
    "neg:x:-4:4",
    "hex:x:0x5:5",
    "ok:x:6:6",
  ];
  assert.deepEqual([...parseAccountFile(text.join("\n"))], [[6, "ok"]]);
});

test("an id beyond 32 bits, or the kernel's 'no id', names nobody", () => {
  assert.equal(parseAccountFile("a:x:4294967295:0:\nb:x:4294967296:0:\nc:x:99999999999:0:").size, 0);
});

test("a name that is not UTF-8 is not turned into one that another could share", () => {
  const bytes = Buffer.concat([Buffer.from("a"), Buffer.from([0xff]), Buffer.from(":x:7:7:\n")]);
  assert.equal(parseAccountFile(bytes.toString("utf8")).size, 0);
});

const name = fc.stringMatching(/^[a-z_][a-z0-9_-]{0,30}$/);
const account = fc.record({ name, id: fc.integer({ min: 0, max: 0xffff_fffe }) });

test("property: what is written as an account file is read back, whatever rubbish is in between", () => {
  const rubbish = fc.string().filter((text) => !text.includes("\n") && text.split(":").length < 4);
  fc.assert(
    fc.property(fc.uniqueArray(account, { selector: ({ id }) => id, maxLength: 50 }), rubbish, (accounts, noise) => {
      const lines = accounts.flatMap((one) => [`${one.name}:x:${one.id}:0:gecos:/:/bin/sh`, noise]);
      const read = parseAccountFile(lines.join("\n"));
      assert.equal(read.size, accounts.length);
      for (const one of accounts) assert.equal(read.get(one.id), one.name);
    }),
  );
});

test("property: no text whatsoever makes the parser throw, and all it yields are usable names", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
      for (const [id, found] of parseAccountFile(text)) {
        assert.ok(Number.isInteger(id) && id >= 0 && id < 0xffff_ffff);
        assert.match(found, /^[^:\n ]+$/);
      }
    }),
  );
});
