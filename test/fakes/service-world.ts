import { noMetrics } from "../../runtime/core/index.ts";
import { type CallContext, Gate } from "../../server/api/gate.ts";
import {
  AgentStanding,
  AuthorityTrust,
  type Caller,
  ClassAuthorizer,
  OpenCalls,
  type SvidCaller,
} from "../../server/authorization/index.ts";
import { RateLimiter, type Rates } from "../../server/rate/index.ts";
import { ServerMetrics } from "../../server/telemetry/index.ts";
import { SpiffeId } from "../../spiffe/index.ts";
import { FakeClock } from "./fake-clock.ts";
import { FakeRegistry } from "./fake-registry.ts";
import { agentCaller, exampleTrustDomain } from "./server-values.ts";
import { TestAuthority } from "./test-authority.ts";

export interface AuditLine {
  readonly method: string;
  readonly code: string;
  readonly authorizedAs: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly items: readonly { readonly code: string }[] | undefined;
}

/** The gate and what it decides by, with the registry's word standing in for the store's unless `store` is changed. */
export class ServiceWorld {
  readonly clock = new FakeClock();
  readonly registry = new FakeRegistry();
  readonly authority = new TestAuthority(exampleTrustDomain, {
    notBeforeMs: this.clock.now() - 1_000,
    notAfterMs: this.clock.now() + 86_400_000,
  });
  readonly promoted: string[] = [];
  readonly audited: AuditLine[] = [];
  /** Set to make the primary store unreachable. */
  storeFailure: Error | undefined;
  /** The store's view of nodes; defaults to the registry's. */
  storeNode: (id: SpiffeId) => ReturnType<FakeRegistry["node"]> = (id) => this.registry.node(id);
  readonly trust = new AuthorityTrust(this.registry, {
    findBundle: async (trustDomain) => this.#reachable(this.registry.bundle(trustDomain)),
  });
  readonly standing = new AgentStanding({
    registry: this.registry,
    clock: this.clock,
    store: {
      findNode: async (id) => this.#reachable(this.storeNode(id)),
      promoteSerial: async (id, serial) => this.#promote(id, serial),
    },
  });
  readonly openCalls = new OpenCalls({ registry: this.registry, trust: this.trust, clock: this.clock });
  readonly limiter: RateLimiter;
  readonly gate: Gate;
  readonly admin = SpiffeId.of(exampleTrustDomain, "/admin");

  constructor(rates: Rates = "off") {
    const bundle = this.authority.bundle();
    this.registry.apply({ type: "bundle", key: exampleTrustDomain.name, value: bundle });
    this.limiter = new RateLimiter(rates, this.clock);
    this.gate = new Gate({
      authorizer: new ClassAuthorizer({
        trustDomain: exampleTrustDomain,
        adminIds: [this.admin],
        registry: this.registry,
        standing: this.standing,
        trust: this.trust,
        clock: this.clock,
      }),
      limiter: this.limiter,
      openCalls: this.openCalls,
      audit: { record: (record) => void this.audited.push(record) },
      metrics: new ServerMetrics(noMetrics),
      clock: this.clock,
    });
  }

  /** The agent called `name`, with an SVID of the trusted authority. */
  agent(name: string, parts: Partial<SvidCaller> = {}): SvidCaller {
    return agentCaller(name, { authorityId: this.authority.certificate.subjectKeyId ?? "", ...parts });
  }

  adminCaller(parts: Partial<SvidCaller> = {}): SvidCaller {
    return this.agent("x", { id: this.admin, ...parts });
  }

  readonly local: Caller = { kind: "local", uid: 0, gid: 0, pid: 1 };
  readonly anonymous: Caller = { kind: "anonymous", address: "192.0.2.9" };

  context(signal: AbortSignal = new AbortController().signal): CallContext {
    return { requestId: "r1", signal };
  }

  async #promote(id: SpiffeId, serial: string): Promise<boolean> {
    this.#reachable(undefined);
    const node = this.storeNode(id);
    if (node === undefined || (node.pendingSerialNumber !== serial && node.serialNumber !== serial)) return false;
    this.promoted.push(serial);
    this.registry.apply({
      type: "node",
      key: id.toString(),
      value: { ...node, serialNumber: serial, pendingSerialNumber: "" },
    });
    return true;
  }

  #reachable<Value>(value: Value): Value {
    if (this.storeFailure !== undefined) throw this.storeFailure;
    return value;
  }
}
