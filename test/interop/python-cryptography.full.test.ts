// needs: python
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { toPythonCases } from "../fakes/python-cases.ts";

/** The release whose verifier judges here; newer ones may judge more strictly, so that the step up is a decision. */
const requirement = "cryptography==46.0.3";

const directory = mkdtempSync(join(tmpdir(), "certs-python-"));
const python = join(directory, "venv", "bin", "python");
const script = fileURLToPath(new URL("python-cryptography.py", import.meta.url));
const cases = toPythonCases();

interface Verdict {
  readonly name: string;
  readonly client: string;
  readonly server: string;
}

describe("Python cryptography's verifier", () => {
  let verdicts: ReadonlyMap<string, Verdict> = new Map();

  before(() => {
    execFileSync("python3", ["-m", "venv", join(directory, "venv")]);
    execFileSync(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement]);
    const out = execFileSync(python, [script], { input: JSON.stringify(cases), encoding: "utf8" });
    const list: readonly Verdict[] = JSON.parse(out);
    verdicts = new Map(list.map((verdict) => [verdict.name, verdict]));
  });
  after(() => rmSync(directory, { recursive: true }));

  for (const { name, accepted, dnsName } of cases) {
    it(`${accepted ? "accepts" : "refuses"} ${name}`, () => {
      const verdict = verdicts.get(name);
      assert.ok(verdict !== undefined);
      if (accepted) {
        assert.equal(verdict.client, "ok");
        assert.equal(verdict.server, dnsName === undefined ? "not asked" : "ok");
      } else {
        assert.match(verdict.client, /^VerificationError/);
      }
    });
  }
});
