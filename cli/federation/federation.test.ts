import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { encodePem } from "../../certs/index.ts";
import { type SpiffeBundle, TrustDomain } from "../../spiffe/index.ts";
import { type CliResult, cli } from "../../test/fakes/cli.ts";
import { TestAuthority } from "../../test/fakes/test-authority.ts";
import { TestServer } from "../../test/fakes/test-server.ts";
import { exitCodes } from "../exit-codes.ts";

function bundleOf(name: string): SpiffeBundle {
  const lifetime = { notBeforeMs: Date.now() - 1_000, notAfterMs: Date.now() + 86_400_000 };
  return new TestAuthority(TrustDomain.parse(name), lifetime).bundle().with({ refreshHint: 300, sequenceNumber: 9n });
}

function pemOf(bundle: SpiffeBundle): string {
  return bundle.x509Authorities.map(({ certificate }) => encodePem("CERTIFICATE", certificate.der)).join("");
}

describe("bundles and relationships of others, from the command line", () => {
  let server: TestServer;
  const folder = mkdtempSync(join(tmpdir(), "cs-federation-"));
  before(async () => {
    server = await TestServer.start();
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  function run(command: string, stdin = ""): Promise<CliResult> {
    return cli([...command.split(" "), "--socket", server.config.socketPath], { stdin });
  }

  function file(name: string, text: string): string {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  }

  it("bundle set, list, count, delete: from PEM and from a SPIFFE bundle document, back as either", async () => {
    const partner = bundleOf("partner.test");
    const set = await run("bundle set --id partner.test --format spiffe", partner.toJwks());
    assert.deepEqual([set.code, set.out], [exitCodes.ok, "bundle set."]);
    assert.equal((await run("bundle list --id spiffe://partner.test --format spiffe")).out, partner.toJwks());
    assert.equal(`${(await run("bundle list --id partner.test")).out}\n`, pemOf(partner));
    const other = bundleOf("other.test");
    assert.equal(
      (await run(`bundle set -id spiffe://other.test -path ${file("o.pem", pemOf(other))}`)).code,
      exitCodes.ok,
    );
    assert.equal((await run("bundle count")).out, "3 bundles");
    assert.deepEqual((await run("bundle count --output json")).json, { count: 3 });
    const stars = "*".repeat(40);
    const listed = await run("bundle list");
    assert.equal(
      `${listed.out}\n`,
      `${stars}\n* other.test\n${stars}\n${pemOf(other)}\n${stars}\n* partner.test\n${stars}\n${pemOf(partner)}`,
    );
    const { json } = await run("bundle list --id partner.test --output json");
    assert.partialDeepStrictEqual(json, { trust_domain: "partner.test", refresh_hint: "300", sequence_number: "9" });
    const entry = "entry create --node --spiffe-id spiffe://example.org/x --selector a:b --federates-with partner.test";
    assert.equal((await run(entry)).code, exitCodes.ok);
    const refused = await run("bundle delete --id partner.test");
    assert.deepEqual([refused.code, refused.out], [exitCodes.refused, ""]);
    assert.match(
      refused.err,
      /^Error: bundle not deleted: .*1 entry federates.*\n {7}--mode dissociate .*--mode delete /,
    );
    assert.equal((await run("bundle delete --id partner.test --mode dissociate")).out, "bundle deleted.");
    const gone = await run("bundle delete --id partner.test --output json");
    assert.deepEqual(
      [gone.code, gone.json],
      [
        exitCodes.refused,
        { results: [{ status: { code: 5, message: "bundle not found" }, trust_domain: "partner.test" }] },
      ],
    );
    assert.match((await run("bundle list --id partner.test")).err, /ERR_BUNDLE_NOT_FOUND/);
  });

  it("bundle set: says what is wrong with the bundle and sets nothing", async () => {
    const noKey = '{"keys":[{"kty":"EC","use":"x509-svid"}]}';
    for (const [args, text, expected] of [
      ["--format pem", "no certificate", /standard input: .*PEM/],
      ["--format spiffe", "{", /not valid JSON/],
      ["--format spiffe", noKey, /key 1 of the document cannot be used/],
      [`--file ${join(folder, "none")}`, "", /ENOENT/],
    ] as const) {
      const { code, err } = await run(`bundle set --id bad.test ${args}`, text);
      assert.equal(code, exitCodes.usage);
      assert.match(err, expected);
      assert.match(err, /ERR_BUNDLE_FILE/);
    }
    assert.equal((await run("bundle set --id Bad", pemOf(bundleOf("a")))).code, exitCodes.usage);
    assert.equal((await run("bundle list --id bad.test")).code, exitCodes.refused);
    const own = await run("bundle set --id example.org", pemOf(bundleOf("example.org")));
    assert.equal(own.code, exitCodes.refused);
    assert.match(own.err, /^Error: bundle not set: .*own trust domain/);
  });

  it("federation create, show, list, update, delete, refresh", async () => {
    const path = file("fed.json", bundleOf("fed.test").toJwks());
    const made = await run(
      `federation create -trustDomain fed.test -bundleEndpointURL https://fed.test/b -bundleEndpointProfile https_spiffe -endpointSpiffeID spiffe://fed.test/e -trustDomainBundlePath ${path} -trustDomainBundleFormat spiffe`,
    );
    assert.equal(made.code, exitCodes.ok, made.err);
    const expected = [
      "Trust domain            : fed.test",
      "Bundle endpoint URL     : https://fed.test/b",
      "Bundle endpoint profile : https_spiffe",
      "Endpoint SPIFFE ID      : spiffe://fed.test/e",
      "Bundle                  : 2 authorities",
    ].join("\n");
    assert.equal(made.out.trimEnd(), expected);
    assert.equal((await run("federation show fed.test")).out, expected);
    assert.equal((await run("federation list")).out, expected);
    const { json } = await run("federation show -trustDomain fed.test -output json");
    assert.partialDeepStrictEqual(json, {
      trust_domain: "fed.test",
      https_spiffe: { endpoint_spiffe_id: "spiffe://fed.test/e" },
    });
    assert.ok(typeof json === "object" && json !== null && !("bundle_endpoint_profile" in json));
    const updated = await run("federation update --trust-domain fed.test --bundle-endpoint-profile https_web");
    assert.match(updated.out, /https:\/\/fed\.test\/b\n.*https_web\nBundle .*: 2 authorities/);
    const refreshed = await run("federation refresh -id fed.test");
    assert.equal(refreshed.code, exitCodes.refused);
    assert.match(refreshed.err, /ERR_FEDERATION_NOT_FETCHED/);
    assert.equal((await run("federation delete fed.test")).out, "federation relationship with fed.test deleted.");
    assert.equal((await run("federation delete fed.test")).code, exitCodes.refused);
    assert.match((await run("federation show fed.test")).err, /ERR_FEDERATION_NOT_FOUND/);
  });

  it("federation create: from SPIRE's files, from YAML, and from what list printed; one bad item stops none", async () => {
    const bundle = bundleOf("one.test");
    const spire = {
      federationRelationships: [
        {
          trustDomain: "one.test",
          bundleEndpointURL: "https://one.test",
          bundleEndpointProfile: "https_web",
          trustDomainBundle: JSON.parse(bundle.toJwks()),
          trustDomainBundleFormat: "spiffe",
        },
        {
          trustDomain: "example.org",
          bundleEndpointURL: "https://own.test",
          bundleEndpointProfile: "https_web",
        },
      ],
    };
    const answer = await run("federation create -data - -output json", JSON.stringify(spire));
    assert.equal(answer.code, exitCodes.refused);
    assert.partialDeepStrictEqual(answer.json, {
      results: [{ status: { code: 0 }, federation_relationship: { https_web: {} } }, { status: { code: 3 } }],
    });
    const printed = (await run("federation list --output json")).out;
    assert.equal((await run("federation delete one.test")).code, exitCodes.ok);
    assert.equal((await run("federation create --file -", printed)).code, exitCodes.ok);
    assert.equal((await run("federation list --output json")).out, printed);
    const yaml = "trustDomain: two.test\nbundleEndpointURL: https://two.test\nbundleEndpointProfile: https_web\n";
    assert.equal((await run("federation create --file -", yaml)).code, exitCodes.ok);
    const again = await run("federation create --file -", yaml);
    assert.deepEqual([again.code, again.out], [exitCodes.refused, ""]);
    assert.match(again.err, /^Error: two\.test not created: .*already exists/);
  });

  it("federation create and update: wrong use is told before anything is sent", async () => {
    for (const [args, stdin, expected] of [
      ["federation create", "", /missing --trust-domain/],
      ["federation create --trust-domain a.test", "", /missing --bundle-endpoint-url, --bundle-endpoint-profile/],
      ["federation create --trust-domain a.test --bundle-endpoint-profile https_spiffe", "", /--endpoint-spiffe-id/],
      ["federation create --trust-domain a.test --file -", "", /--file cannot be combined with --trust-domain/],
      ["federation create --file -", "trustDomain: a.test", /relationship 1: bundleEndpointURL/],
      ["federation create --file -", "", /no federation relationship/],
      ["federation update --trust-domain a.test", "", /nothing to update/],
    ] as const) {
      const { code, err } = await run(args, stdin);
      assert.equal(code, exitCodes.usage, args);
      assert.match(err, expected);
    }
  });
});
