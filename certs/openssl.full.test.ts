// needs: openssl
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { craftedNowMs } from "../test/fakes/crafted-certificate.ts";
import { testKey } from "../test/fakes/fixture-keys.ts";
import { issuedShapes, testAuthority, testLeaf } from "../test/fakes/issued-shapes.ts";
import { verifyChain } from "./chain/verify-chain.ts";
import { encodePem } from "./pem.ts";
import { buildCsr } from "./x509/build-csr.ts";
import type { Certificate } from "./x509/certificate.ts";

const directory = mkdtempSync(join(tmpdir(), "certs-openssl-"));
after(() => rmSync(directory, { recursive: true }));

const nowMs = craftedNowMs;
let files = 0;

function write(certificates: readonly Certificate[]): string {
  const path = join(directory, `${files++}.pem`);
  writeFileSync(path, certificates.map(({ der }) => encodePem("CERTIFICATE", der)).join(""));
  return path;
}

interface Chain {
  readonly leaf: Certificate;
  readonly intermediates: readonly Certificate[];
  readonly roots: readonly Certificate[];
  readonly atMs?: number;
}

/** Empty when OpenSSL accepts the chain, else what it says. */
function judge({ leaf, intermediates, roots, atMs = nowMs }: Chain, purpose: string): string {
  const untrusted = intermediates.length === 0 ? [] : ["-untrusted", write(intermediates)];
  const time = ["-attime", String(Math.trunc(atMs / 1000))];
  const args = ["verify", "-x509_strict", "-purpose", purpose, ...time, "-no-CApath", "-no-CAstore"];
  const run = spawnSync("openssl", [...args, "-CAfile", write(roots), ...untrusted, write([leaf])], {
    encoding: "utf8",
  });
  return run.status === 0 ? "" : `${run.stdout}${run.stderr}`;
}

describe("openssl verify -x509_strict accepts", () => {
  for (const { name, ...chain } of issuedShapes(nowMs)) {
    it(`${name}, for both purposes and both orders of the bundle`, () => {
      for (const purpose of ["sslserver", "sslclient"]) {
        assert.equal(judge(chain, purpose), "");
        assert.equal(judge({ ...chain, roots: chain.roots.toReversed() }, purpose), "");
      }
    });
  }

  it("requests for each key type", () => {
    for (const type of ["ec-p256", "ec-p384", "rsa-2048", "ed25519"]) {
      const csr = buildCsr({ key: testKey(type), uriSans: ["spiffe://a.test/x"], dnsSans: ["a.test"] });
      const text = execFileSync("openssl", ["req", "-inform", "DER", "-verify", "-noout", "-text"], {
        input: csr,
        encoding: "utf8",
        stdio: ["pipe", "pipe", "ignore"],
      });
      assert.match(text, /URI:spiffe:\/\/a\.test\/x/);
    }
  });
});

describe("openssl and we refuse", () => {
  const root = testAuthority("ec-p256", { nowMs });
  const leaf = testLeaf(root, testKey("ec-p256"), { nowMs, uri: "spiffe://a.test/x" });
  const below = testAuthority("ec-p256", { nowMs, issuer: testAuthority("ec-p256", { nowMs, pathLength: 0 }) });
  const short = testAuthority("ec-p256", { nowMs, pathLength: 0 });
  const under = testAuthority("ec-p256", { nowMs, issuer: short });
  const forged = testAuthority("ec-p256", { nowMs, subject: { commonName: "Twin", serialNumber: "1" } });
  const twin = testAuthority("ec-p256", { nowMs, subject: { commonName: "Twin", serialNumber: "1" } });
  const uri = "spiffe://a.test/x";

  const cases: Readonly<Record<string, readonly [Chain, string]>> = {
    "an expired leaf": [
      { leaf, intermediates: [], roots: [root.certificate], atMs: leaf.notAfter + 1000 },
      "ERR_CHAIN_EXPIRED",
    ],
    "a leaf that is not valid yet": [
      { leaf, intermediates: [], roots: [root.certificate], atMs: leaf.notBefore - 1000 },
      "ERR_CHAIN_NOT_YET_VALID",
    ],
    "a forged authority of the same name": [
      { leaf: testLeaf(forged, testKey("ec-p256"), { nowMs, uri }), intermediates: [], roots: [twin.certificate] },
      "ERR_CHAIN_KEY_ID_MISMATCH",
    ],
    "a missing intermediate": [
      { leaf: testLeaf(below, testKey("ec-p256"), { nowMs, uri }), intermediates: [], roots: [root.certificate] },
      "ERR_CHAIN_UNTRUSTED",
    ],
    "a path that is too long": [
      {
        leaf: testLeaf(under, testKey("ec-p256"), { nowMs, uri }),
        intermediates: [under.certificate],
        roots: [short.certificate],
      },
      "ERR_CHAIN_PATH_LENGTH",
    ],
  };
  for (const [name, [chain, code]] of Object.entries(cases)) {
    it(name, () => {
      assert.match(judge(chain, "sslclient"), /error/);
      const request = { ...chain, atMs: chain.atMs ?? nowMs, usage: "client" } as const;
      assert.throws(() => verifyChain(request), { name: "CertsError", code });
    });
  }
});
