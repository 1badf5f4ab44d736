import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { decodeAnswer, decodeCertificates, encodeChallenge } from "../../../proto/convert/x509pop.ts";
import { provesPossession } from "../../../proto/domain/x509pop.ts";
import { testKey } from "../../../test/fakes/fixture-keys.ts";
import { NodePki, pem } from "../../../test/fakes/node-certificates.ts";
import { seededRandom } from "../../../test/fakes/seeded-random.ts";
import { x509popAttestor } from "./x509pop.ts";

const pki = new NodePki();
const nonce = new Uint8Array(32).fill(9);

function folder(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "cs-pop-"));
  context.after(() => rmSync(path, { recursive: true }));
  return path;
}

function attestor(directory: string, names: { readonly key?: string; readonly more?: string } = {}) {
  return x509popAttestor(
    {
      privateKeyPath: join(directory, names.key ?? "key.pem"),
      certificatePath: join(directory, "chain.pem"),
      intermediatesPath: names.more === undefined ? undefined : join(directory, names.more),
    },
    seededRandom(5),
  );
}

describe("x509pop on the agent", () => {
  it("shows the chain and answers the challenge with the key, in any of the usual files", async (context) => {
    for (const type of ["ec-p256", "ec-p384", "rsa-2048"]) {
      const directory = folder(context);
      const node = pki.node("h", { key: testKey(type) });
      pki.write(directory, node);
      writeFileSync(join(directory, "more.pem"), pem(pki.root));
      const form = type.startsWith("rsa") ? "pkcs1" : "sec1";
      writeFileSync(join(directory, "old.pem"), node.key.export({ type: form, format: "pem" }));
      for (const key of ["key.pem", "old.pem"]) {
        const proof = await attestor(directory, { key, more: "more.pem" }).prepare();
        const shown = decodeCertificates(proof.payload).map((der) => Buffer.from(der).toString("hex"));
        assert.deepEqual(
          shown,
          [node, pki.middle, pki.root].map(({ der }) => Buffer.from(der).toString("hex")),
        );
        const challenge = { family: type.startsWith("rsa") ? "rsa" : "ec", nonce } as const;
        const answer = decodeAnswer(await proof.answer(encodeChallenge(challenge)));
        assert.ok(provesPossession(new X509Certificate(node.der).publicKey, challenge, answer));
        assert.notDeepEqual(answer.nonce, nonce);
      }
    }
  });

  it("reads the files again at each attempt", async (context) => {
    const directory = folder(context);
    pki.write(directory, pki.node("before"));
    const agent = attestor(directory);
    const before = await agent.prepare();
    pki.write(directory, pki.node("after"));
    assert.notDeepEqual((await agent.prepare()).payload, before.payload);
    assert.equal(agent.isReusable, true);
  });

  it("says which file is missing, foreign or no key at all", async (context) => {
    const directory = folder(context);
    const refused = (message: RegExp) =>
      assert.rejects(attestor(directory).prepare(), { code: "ERR_X509POP_FILES", message });
    await refused(/chain\.pem/);
    pki.write(directory, pki.node("h"), testKey("ec-p256"));
    await refused(/chain\.pem/);
    pki.write(directory, pki.node("h", { key: testKey("ed25519") }));
    await refused(/key\.pem/);
    writeFileSync(join(directory, "key.pem"), "x");
    await refused(/key\.pem/);
  });

  it("signs nothing that is not a challenge for its kind of key", async (context) => {
    const directory = folder(context);
    pki.write(directory, pki.node("h"));
    const proof = await attestor(directory).prepare();
    for (const challenge of [
      encodeChallenge({ family: "rsa", nonce }),
      encodeChallenge({ family: "ec", nonce: nonce.subarray(1) }),
      Buffer.from("{}"),
      Buffer.from("x"),
    ]) {
      await assert.rejects(proof.answer(challenge), { code: "ERR_RESPONSE_UNUSABLE" });
    }
  });
});
