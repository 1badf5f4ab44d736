// needs: openssl; budget: 120
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { encodePem } from "../../certs/index.ts";
import { id, X509Source } from "../../sdk/index.ts";
import { Running } from "../env/processes.ts";
import { System } from "../env/system.ts";
import { TestPki } from "../fakes/test-pki.ts";
import { OurSide } from "./our-side.ts";
import { revoke, rotateCa, until } from "./rotate.ts";

const theirId = "spiffe://test.example/theirs";
const somebody = "spiffe://test.example/somebody-else";

/** OpenSSL knows no SPIFFE IDs: it refuses who is not of its authorities. What it shows comes from files. */
describe("our SDK and OpenSSL's s_server and s_client", () => {
  let system: System;
  let ours: OurSide;
  /** The identity that the files are of. */
  let theirs: X509Source;
  const started: Running[] = [];

  before(async () => {
    system = await System.start();
    const agent = await system.startAgent();
    for (const path of ["/ours", "/theirs"]) {
      await system.createEntry(agent, { path, flags: ["--x509-ttl", "10", "--wait"] });
    }
    const pick = (path: string) => ({
      pick: (svids: X509Source["svids"]) => svids.find(({ id }) => id.path === path),
    });
    ours = await OurSide.open(agent.socket, pick("/ours"));
    theirs = await X509Source.open({ endpoint: `unix://${agent.socket}`, ...pick("/theirs") });
  });
  after(async () => {
    await Promise.all(started.map((running) => running.stop(1_000)));
    await theirs?.close();
    await ours?.[Symbol.asyncDispose]();
    await system?.[Symbol.asyncDispose]();
  });

  /** The newest SVID and bundle as files. */
  function files(): { readonly identity: readonly string[]; readonly authorities: readonly string[] } {
    const folder = mkdtempSync(join(system.folder, "files-"));
    const { chain, key } = theirs.svid;
    const authorities = [...ours.bundles.bundles].flatMap(({ x509Authorities }) => x509Authorities);
    const write = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const pem = (ders: readonly Uint8Array[]): string => ders.map((der) => encodePem("CERTIFICATE", der)).join("");
    const leaf = write("chain.pem", pem(chain.map(({ der }) => der)));
    const bundle = write("bundle.pem", pem(authorities.map(({ certificate }) => certificate.der)));
    const keyFile = write("key.pem", String(key.export({ format: "pem", type: "pkcs8" })));
    return { identity: ["-cert", leaf, "-cert_chain", leaf, "-key", keyFile], authorities: ["-CAfile", bundle] };
  }

  /** Authorities of the same trust domain's name, and of nobody we know. */
  function impostor(): { readonly identity: readonly string[]; readonly authorities: readonly string[] } {
    const pki = TestPki.create("test.example");
    const { chain, key } = pki.issue("/theirs");
    const folder = mkdtempSync(join(system.folder, "impostor-"));
    const [cert, keyFile, bundle] = ["cert.pem", "key.pem", "bundle.pem"].map((name) => join(folder, name));
    assert.ok(cert !== undefined && keyFile !== undefined && bundle !== undefined);
    writeFileSync(cert, chain.map((der) => encodePem("CERTIFICATE", der)).join(""));
    writeFileSync(keyFile, String(key.export({ format: "pem", type: "pkcs8" })));
    writeFileSync(bundle, encodePem("CERTIFICATE", pki.root.der));
    return { identity: ["-cert", cert, "-key", keyFile], authorities: ["-CAfile", bundle] };
  }

  function openssl(command: string, ...args: readonly string[]): Running {
    const running = new Running("openssl", [command, ...args]);
    started.push(running);
    return running;
  }

  /** Answers each line with its letters the other way round. */
  async function server(...args: readonly string[]): Promise<{ readonly address: string; readonly running: Running }> {
    const strict = ["-Verify", "4", "-verify_return_error", "-tls1_3", "-rev"];
    const running = openssl("s_server", "-accept", "127.0.0.1:0", ...strict, ...args);
    const line = await running.waitFor(({ text }) => String(text).startsWith("ACCEPT 127.0.0.1:"));
    return { address: String(line["text"]).replace("ACCEPT ", ""), running };
  }

  /** What our server answered; "" when it did not. */
  async function client(address: string, ...args: readonly string[]): Promise<string> {
    const strict = ["-verify", "4", "-verify_return_error", "-quiet"];
    const running = openssl("s_client", "-connect", address, ...strict, ...args);
    running.child.stdin?.write("hello\n");
    const isAnswer = ({ text }: { readonly text?: unknown }): boolean => String(text).startsWith("hello ");
    try {
      return String((await running.waitFor(isAnswer, 10_000))["text"]);
    } catch (error) {
      if ((await Promise.race([running.ended, Promise.resolve("runs")])) === "runs") throw error;
      return "";
    } finally {
      await running.stop(1_000);
    }
  }

  it("greet each other over TLS 1.3", async () => {
    const { identity, authorities } = files();
    const { address } = await server(...identity, ...authorities);
    assert.equal((await ours.call(address, theirId)).greeting, "olleh");
    assert.equal(await client(await ours.serve(theirId), "-tls1_3", ...identity, ...authorities), `hello ${theirId}`);
  });

  it("part when either is the wrong one", async () => {
    const { identity, authorities } = files();
    const wrong = impostor();
    const { address } = await server(...identity, ...authorities);
    await assert.rejects(ours.call(address, somebody), { code: "ERR_PEER_NOT_VERIFIED" });
    const pretender = await server(...wrong.identity, ...authorities);
    await assert.rejects(ours.call(pretender.address, theirId), { code: "ERR_PEER_NOT_VERIFIED" });
    const picky = await server(...identity, ...wrong.authorities);
    await assert.rejects(ours.call(picky.address, theirId));
    await picky.running.waitFor(({ text }) => String(text).includes("certificate verify failed"));
    const told = { code: "ERR_REFUSED_BY_PEER", message: /TLS alert "unknown ca"/ };
    await assert.rejects(ours.x509.fetch(`https://${picky.address}/`, { authorize: id(theirId) }), told);

    const own = await ours.serve(theirId);
    const served = ours.served.length;
    const refusals = ours.refusals.length;
    const attempts = [
      ["-tls1_3", ...identity, ...wrong.authorities],
      ["-tls1_3", ...wrong.identity, ...authorities],
      ["-tls1_3", ...authorities],
      ["-tls1_2", ...identity, ...authorities],
    ];
    for (const attempt of attempts) assert.equal(await client(own, ...attempt), "", attempt.join(" "));
    assert.equal(await client(await ours.serve(somebody), "-tls1_3", ...identity, ...authorities), "");
    assert.equal(ours.served.length, served);
    assert.equal(ours.refusals.length, refusals + attempts.length + 1);
  });

  it("greet each other after two rotations, and one of the CA", async () => {
    const own = await ours.serve(theirId);
    const seen = new Set([theirs.svid.leaf.serialNumber]);
    const meet = async (): Promise<void> => {
      await until(() => !seen.has(theirs.svid.leaf.serialNumber));
      const { serialNumber } = theirs.svid.leaf;
      seen.add(serialNumber);
      const { identity, authorities } = files();
      const { address } = await server(...identity, ...authorities);
      assert.equal((await ours.call(address, theirId)).peer.leaf.serialNumber, serialNumber);
      assert.equal(await client(own, "-tls1_3", ...identity, ...authorities), `hello ${theirId}`);
      assert.equal(ours.served.at(-1)?.leaf.serialNumber, serialNumber);
    };
    await meet();
    await meet();
    const issuer = theirs.svid.leaf.authorityKeyId;
    const old = await rotateCa(system);
    await until(() => [ours.x509, theirs].every(({ svid }) => svid.leaf.authorityKeyId !== issuer));
    await meet();
    await revoke(system, old);
    await until(() => [...ours.bundles.bundles][0]?.x509Authorities.length === 1);
    await meet();
  });
});
