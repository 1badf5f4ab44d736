/** What is expected whichever way agents hear of changes: pushed, or polled. */
import assert from "node:assert/strict";
import { verifyX509Svid } from "../../../spiffe/index.ts";
import { type ServerOptions, System } from "../../env/system.ts";
import { Watch } from "../../env/watch.ts";

export const short = { ca_ttl: "12s", default_x509_svid_ttl: "4s", default_jwt_svid_ttl: "3s", agent_ttl: "6s" };

export async function everythingRotates(options: ServerOptions = {}): Promise<void> {
  await using system = await System.start({ settings: short, ...options });
  const agent = await system.startAgent();
  await system.createEntry(agent, { path: "/web", flags: ["--wait"] });
  await using watch = new Watch(agent.socket);
  const issuers = new Set<string | undefined>();
  const serials = new Set<string>();
  await watch.until(
    ({ svids }) => {
      issuers.add(svids[0].leaf.authorityKeyId);
      serials.add(svids[0].leaf.serialNumber);
      return issuers.size >= 3;
    },
    options.polled === true ? 120_000 : 45_000,
  );
  assert.ok(serials.size >= 6, `${serials.size} serials`);
  for (const { svids, bundles } of watch.updates) {
    const [svid] = svids;
    const atMs = svid.leaf.notBefore + 2_000;
    assert.equal(verifyX509Svid({ chain: svid.chain, bundles, atMs, usage: "any" }).id.path, "/web");
  }
  // A new authority is in the bundle before anything is signed under it.
  const firstUse = watch.updates.find(
    ({ svids }) => svids[0].leaf.authorityKeyId !== watch.updates[0]?.svids[0].leaf.authorityKeyId,
  );
  const issuer = firstUse?.svids[0].leaf.authorityKeyId;
  const earlier = watch.updates.slice(0, firstUse === undefined ? 0 : watch.updates.indexOf(firstUse));
  const publishedBefore = earlier.some(({ bundles, svids }) =>
    bundles
      .get(svids[0].id.trustDomain)
      ?.x509Authorities.some(({ certificate }) => certificate.subjectKeyId === issuer),
  );
  assert.ok(publishedBefore, "the issuer was in no earlier bundle");
  assert.deepEqual(watch.problems, []);
}
