import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { encodePem, encodeSpki } from "../../certs/index.ts";
import { systemClock, systemRandom } from "../../runtime/core/index.ts";
import { SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import { FakeIssuer } from "../../test/fakes/fake-issuer.ts";
import { generateKeyAtOnce } from "../../test/fakes/keys.ts";
import { bundleFile, bundleUrl, insecureBootstrap, noBootstrap } from "./sources.ts";

const trustDomain = TrustDomain.parse("example.org");
const { signal } = new AbortController();
const issuer = await FakeIssuer.create(trustDomain, systemRandom, systemClock.now());
const bundle = issuer.bundle();
const ca = encodePem("CERTIFICATE", bundle.x509Der());

async function fileWith(context: TestContext, content: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "b-"));
  context.after(() => rm(folder, { recursive: true }));
  const path = join(folder, "bundle");
  await writeFile(path, content);
  return path;
}

/** An https server for localhost under the issuer's CA. */
async function serve(context: TestContext, status: number, body: string): Promise<URL> {
  const key = await generateKeyAtOnce("ec-p256");
  const id = SpiffeId.of(trustDomain, "/web");
  const spki = encodeSpki(createPublicKey(key));
  const cert = issuer.x509For(spki, id, ["localhost"], systemClock.now(), 600);
  const server = createServer(
    { cert: encodePem("CERTIFICATE", cert.der), key: key.export({ type: "pkcs8", format: "pem" }) },
    (_request, response) => response.writeHead(status, { location: "https://localhost:1/" }).end(body),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => server.close());
  const address = server.address();
  return new URL(`https://localhost:${typeof address === "object" ? address?.port : 0}/bundle`);
}

describe("bootstrap bundles", () => {
  it("are read from PEM and from a SPIFFE bundle document", async (context) => {
    for (const text of [ca, bundle.toJwks()]) {
      const read = await bundleFile(trustDomain, await fileWith(context, text)).fetch(signal);
      assert.equal(read?.x509Authorities.length, 1);
    }
  });

  it("without an authority, of no known form or missing are refused", async (context) => {
    for (const text of ["", "hello", '{"keys":[]}', "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]) {
      await assert.rejects(bundleFile(trustDomain, await fileWith(context, text)).fetch(signal), {
        code: "ERR_BOOTSTRAP_BUNDLE",
      });
    }
    await assert.rejects(bundleFile(trustDomain, "/nowhere/bundle").fetch(signal), { code: "ERR_BOOTSTRAP_BUNDLE" });
    await assert.rejects(noBootstrap.fetch(signal), { code: "ERR_BOOTSTRAP_BUNDLE" });
  });

  it("are fetched from an https URL", async (context) => {
    const url = await serve(context, 200, ca);
    const fetched = await bundleUrl(trustDomain, url, ca).fetch(signal);
    assert.equal(fetched?.x509Authorities.length, 1);
  });

  it("are not taken from a server that no CA vouches for, nor through a redirect, nor without end", async (context) => {
    const code = "ERR_BOOTSTRAP_BUNDLE";
    await assert.rejects(bundleUrl(trustDomain, await serve(context, 200, ca)).fetch(signal), { code });
    await assert.rejects(bundleUrl(trustDomain, await serve(context, 302, ca), ca).fetch(signal), { code });
    const endless = `${ca}${"#".repeat(5 * 1024 * 1024)}`;
    await assert.rejects(bundleUrl(trustDomain, await serve(context, 200, endless), ca).fetch(signal), { code });
  });

  it("are absent under insecure bootstrap", async () => {
    assert.equal(await insecureBootstrap.fetch(signal), undefined);
  });
});
