import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { buildCsr, generateKey } from "../../../certs/index.ts";
import { bundleService, svidService, trustDomainService } from "../../../proto/services.ts";
import { type RpcChannel, ServiceError } from "../../../transport/index.ts";
import { TestServer } from "../../fakes/test-server.ts";

const classes = ["local", "admin", "agent", "downstream", "workload", "anonymous"] as const;
type Class = (typeof classes)[number];

interface Row {
  readonly attempt: (channel: RpcChannel) => Promise<unknown>;
  readonly allowed: readonly Class[];
  /** What those who are let in get for this request. */
  readonly status: string;
}

const unknown = "nobody.example";
const administrators: readonly Class[] = ["local", "admin"];

/** Every RPC of both services (spire-wire §2.3, §2.7). */
const rows: Readonly<Record<string, Row>> = {
  CountBundles: {
    attempt: (channel) => channel.unary(bundleService.CountBundles, {}),
    ...{ allowed: administrators, status: "ok" },
  },
  GetBundle: {
    attempt: (channel) => channel.unary(bundleService.GetBundle, {}),
    ...{ allowed: classes, status: "ok" },
  },
  AppendBundle: {
    attempt: (channel) => channel.unary(bundleService.AppendBundle, {}),
    ...{ allowed: administrators, status: "invalidArgument" },
  },
  ListFederatedBundles: {
    attempt: (channel) => channel.unary(bundleService.ListFederatedBundles, {}),
    ...{ allowed: administrators, status: "ok" },
  },
  GetFederatedBundle: {
    attempt: (channel) => channel.unary(bundleService.GetFederatedBundle, { trust_domain: unknown }),
    ...{ allowed: [...administrators, "agent"], status: "notFound" },
  },
  BatchCreateFederatedBundle: {
    attempt: (channel) => channel.unary(bundleService.BatchCreateFederatedBundle, {}),
    ...{ allowed: administrators, status: "ok" },
  },
  BatchUpdateFederatedBundle: {
    attempt: (channel) => channel.unary(bundleService.BatchUpdateFederatedBundle, {}),
    ...{ allowed: administrators, status: "ok" },
  },
  BatchSetFederatedBundle: {
    attempt: (channel) => channel.unary(bundleService.BatchSetFederatedBundle, {}),
    ...{ allowed: administrators, status: "ok" },
  },
  BatchDeleteFederatedBundle: {
    attempt: (channel) => channel.unary(bundleService.BatchDeleteFederatedBundle, {}),
    ...{ allowed: administrators, status: "ok" },
  },
  ListFederationRelationships: {
    attempt: (channel) => channel.unary(trustDomainService.ListFederationRelationships, {}),
    ...{ allowed: administrators, status: "ok" },
  },
  GetFederationRelationship: {
    attempt: (channel) => channel.unary(trustDomainService.GetFederationRelationship, { trust_domain: unknown }),
    ...{ allowed: administrators, status: "notFound" },
  },
  BatchCreateFederationRelationship: {
    attempt: (channel) => channel.unary(trustDomainService.BatchCreateFederationRelationship, {}),
    ...{ allowed: administrators, status: "ok" },
  },
  BatchUpdateFederationRelationship: {
    attempt: (channel) => channel.unary(trustDomainService.BatchUpdateFederationRelationship, {}),
    ...{ allowed: administrators, status: "ok" },
  },
  BatchDeleteFederationRelationship: {
    attempt: (channel) => channel.unary(trustDomainService.BatchDeleteFederationRelationship, {}),
    ...{ allowed: administrators, status: "ok" },
  },
  RefreshBundle: {
    attempt: (channel) => channel.unary(trustDomainService.RefreshBundle, { trust_domain: unknown }),
    ...{ allowed: administrators, status: "notFound" },
  },
};

/** Those of downstream servers have a table of their own. */
const elsewhere = new Set(["PublishJWTAuthority", "PublishWITAuthority"]);

async function statusOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
    return "ok";
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return error.status;
  }
}

describe("who may call the bundle and trust domain services", () => {
  let world: TestServer;
  let channels: Readonly<Record<Class, RpcChannel>>;
  before(async () => {
    world = await TestServer.start();
    const agent = await world.agent("federation");
    const workload = async (path: string, parts: { readonly admin?: boolean; readonly downstream?: boolean } = {}) => {
      const entryId = await world.createEntry(agent, path, parts);
      const key = await generateKey("ec-p256");
      const { results } = await world.dialAs(agent).unary(svidService.BatchNewX509SVID, {
        params: [{ entry_id: entryId, csr: Buffer.from(buildCsr({ key })) }],
      });
      return world.dial({ chain: results[0]?.svid?.cert_chain ?? [], key });
    };
    channels = {
      local: world.admin,
      admin: await workload("/admin", { admin: true }),
      agent: world.dialAs(agent),
      downstream: await workload("/downstream", { downstream: true }),
      workload: await workload("/workload"),
      anonymous: world.dial(),
    };
  });
  after(() => world[Symbol.asyncDispose]());

  it("is said of every method of both", () => {
    const methods = [...Object.keys(bundleService), ...Object.keys(trustDomainService)];
    assert.deepEqual(methods.filter((name) => !elsewhere.has(name)).sort(), Object.keys(rows).sort());
  });

  for (const [name, { attempt, allowed, status }] of Object.entries(rows)) {
    it(`${name}: ${allowed.join(", ")}`, async () => {
      for (const kind of classes) {
        const expected = allowed.includes(kind) ? status : "permissionDenied";
        assert.equal(await statusOf(attempt(channels[kind])), expected, kind);
      }
    });
  }
});
