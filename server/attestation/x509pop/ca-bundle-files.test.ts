import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { silentLogger } from "../../../runtime/core/index.ts";
import { craftCa } from "../../../test/fakes/crafted-certificate.ts";
import { pem } from "../../../test/fakes/node-certificates.ts";
import { CaBundleFiles } from "./ca-bundle-files.ts";

function folder(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "cs-ca-"));
  context.after(() => rmSync(path, { recursive: true }));
  return path;
}

describe("CaBundleFiles", () => {
  it("follows its files, and keeps what it has while one is broken or away", async (context) => {
    const directory = folder(context);
    const [one, two] = [join(directory, "one.pem"), join(directory, "two.pem")];
    const replace = (path: string, text: string): void => {
      writeFileSync(`${path}.new`, text);
      renameSync(`${path}.new`, path);
    };
    writeFileSync(one, pem(craftCa({ subject: "A" })) + pem(craftCa({ subject: "B" })));
    writeFileSync(two, pem(craftCa({ subject: "C" })));
    const errors: string[] = [];
    const logger = { ...silentLogger, error: (_fields: unknown, message: string) => void errors.push(message) };
    const files = await CaBundleFiles.open([one, two], logger);
    const subjects = async () => (await files.current()).map((certificate) => certificate.subjectText());
    assert.deepEqual(await subjects(), ["CN=A", "CN=B", "CN=C"]);
    replace(one, pem(craftCa({ subject: "D" })));
    assert.deepEqual(await subjects(), ["CN=D", "CN=C"]);
    replace(one, "half of a certifi");
    assert.deepEqual([await subjects(), await subjects()], Array(2).fill(["CN=D", "CN=C"]));
    assert.equal(errors.length, 1, "said once, not at each look");
    rmSync(two);
    assert.deepEqual(await subjects(), ["CN=D", "CN=C"]);
    replace(one, pem(craftCa({ subject: "E" })));
    replace(two, pem(craftCa({ subject: "F" })));
    assert.deepEqual(await subjects(), ["CN=E", "CN=F"]);
    assert.equal(errors.length, 2);
  });

  it("refuses to begin with a file that is missing, empty or no bundle", async (context) => {
    const directory = folder(context);
    const path = join(directory, "ca.pem");
    await assert.rejects(CaBundleFiles.open([path], silentLogger), { code: "ERR_X509POP_CA_BUNDLE" });
    for (const text of ["", "no certificate"]) {
      writeFileSync(path, text);
      await assert.rejects(CaBundleFiles.open([path], silentLogger), { code: "ERR_X509POP_CA_BUNDLE" });
    }
  });
});
