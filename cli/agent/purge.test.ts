import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { agentService } from "../../proto/services.ts";
import { systemClock } from "../../runtime/core/index.ts";
import { type CliResult, cli } from "../../test/fakes/cli.ts";
import { UnixService } from "../../test/fakes/unix-service.ts";
import { defineErrors, RpcRouter } from "../../transport/index.ts";
import { exitCodes } from "../exit-codes.ts";

const errors = defineErrors({ ERR_FAKE_STUCK: { status: "internal", meaning: "scripted", fix: "" } });
const day = 86_400;

/** Agents by how many days ago their SVID expired; those called "stuck…" cannot be deleted. */
async function serverWith(agents: Readonly<Record<string, number>>) {
  const now = Math.floor(systemClock.now() / 1000);
  const filters: unknown[] = [];
  const deleted: string[] = [];
  const router = new RpcRouter();
  router.unary(agentService.ListAgents, async ({ filter }) => {
    filters.push([filter?.by_can_reattest?.value, filter?.by_banned?.value]);
    return {
      agents: Object.entries(agents).map(([name, days]) => ({
        id: { trust_domain: "a.test", path: `/${name}` },
        x509svid_expires_at: String(now - days * day),
      })),
      next_page_token: "",
    };
  });
  router.unary(agentService.DeleteAgent, async ({ id }) => {
    if (id?.path.startsWith("/stuck") === true) throw errors.error("ERR_FAKE_STUCK", "it is stuck");
    deleted.push(id?.path ?? "");
    return {};
  });
  return { service: await UnixService.start({ router }), filters, deleted };
}

describe("agent purge", () => {
  function purge(service: UnixService, ...args: readonly string[]): Promise<CliResult> {
    return cli(["agent", "purge", "--socket", service.path, ...args]);
  }

  it("forgets what expired long ago and can attest again; never what is banned, nothing in a dry run", async () => {
    const { service, filters, deleted } = await serverWith({ old: 31, recent: 29, live: -1 });
    await using _service = service;
    const dry = await purge(service, "--dry-run");
    assert.equal(dry.code, exitCodes.ok);
    assert.match(dry.out, /^AGENT ID .*\nspiffe:\/\/a\.test\/old .*would be purged$/);
    assert.deepEqual(deleted, []);
    assert.match((await purge(service)).out, /a\.test\/old .*UTC {2}purged$/m);
    assert.deepEqual(deleted, ["/old"]);
    await purge(service, "-expiredFor", "695h");
    assert.deepEqual(deleted.slice(1), ["/old", "/recent"]);
    assert.deepEqual([...new Set(filters.map(String))], ["true,false"]);
  });

  it("goes on when one cannot be forgotten, and says so", async () => {
    const { service, deleted } = await serverWith({ stuck: 40, old: 40 });
    await using _service = service;
    const { code, json } = await purge(service, "--output", "json");
    assert.equal(code, exitCodes.refused);
    assert.deepEqual(json, {
      expired_agents: [
        { agent_id: "spiffe://a.test/stuck", deleted: false, error: "it is stuck" },
        { agent_id: "spiffe://a.test/old", deleted: true },
      ],
    });
    assert.deepEqual(deleted, ["/old"]);
    assert.match((await purge(service)).out, /stuck .*not purged: it is stuck/);
  });
});
