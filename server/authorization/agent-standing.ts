import type { AttestedNode } from "../../proto/domain/agent.ts";
import type { Clock } from "../../runtime/core/index.ts";
import type { PermissionDeniedReason, ServiceError } from "../../transport/errors/service-error.ts";
import { serverErrors } from "../errors.ts";
import type { Registry } from "../registry/ports.ts";
import type { NodeStore } from "../store/ports.ts";
import type { SvidCaller } from "./caller.ts";

export type Standing = "current" | "pending" | "not-attested" | "banned" | "not-active";

/** Which of its node's serial numbers an SVID has. Pure. */
export function standingOf(node: AttestedNode | undefined, serialNumber: string): Standing {
  if (node === undefined) return "not-attested";
  if (node.banned) return "banned";
  if (serialNumber !== "" && serialNumber === node.serialNumber) return "current";
  if (serialNumber !== "" && serialNumber === node.pendingSerialNumber) return "pending";
  return "not-active";
}

const refusals = {
  "not-attested": { code: "ERR_AGENT_NOT_ATTESTED", reason: "agentNotAttested", text: "is not attested" },
  banned: { code: "ERR_AGENT_BANNED", reason: "agentBanned", text: "is banned" },
  "not-active": { code: "ERR_AGENT_NOT_ACTIVE", reason: "agentNotActive", text: "uses an SVID that is not active" },
} as const;

export function standingRefusal(caller: SvidCaller, standing: keyof typeof refusals): ServiceError {
  const { code, reason, text } = refusals[standing];
  return agentRefusal(code, reason, `agent ${caller.id} ${text}`);
}

export function expiredRefusal(caller: SvidCaller): ServiceError {
  return agentRefusal("ERR_AGENT_EXPIRED", "agentExpired", `agent ${caller.id} uses an SVID that has expired`);
}

/** A refusal that a SPIRE agent acts on: it reads the reason in the details (spire-wire §2.12). */
export function agentRefusal(
  code: Parameters<typeof serverErrors.error>[0],
  reason: PermissionDeniedReason,
  message: string,
): ServiceError {
  return serverErrors.error(code, message, { details: [{ kind: "permission-denied", reason }] });
}

export interface AgentStandingDeps {
  readonly registry: Pick<Registry, "node" | "authorities">;
  readonly store: Pick<NodeStore, "findNode" | "promoteSerial">;
  readonly clock: Clock;
}

/**
 * May this agent call now? Good news comes from memory; bad news only from the store, since a stock agent throws its
 * identity away on it.
 */
export class AgentStanding {
  readonly #deps: AgentStandingDeps;
  /** One promotion at a time per SVID: the first calls of a renewed agent come in parallel. */
  readonly #promotions = new Map<string, Promise<boolean>>();

  constructor(deps: AgentStandingDeps) {
    this.#deps = deps;
  }

  /**
   * `undefined` when the agent may call. The first use of a pending serial number makes it the current one.
   *
   * @throws ERR_STORE_UNAVAILABLE when bad news could not be confirmed.
   */
  async refusal(caller: SvidCaller): Promise<ServiceError | undefined> {
    if (this.#deps.clock.now() > caller.notAfterMs) return expiredRefusal(caller);
    if (this.#isFromBelow(caller)) {
      return agentRefusal("ERR_AGENT_ISSUER", "agentNotActive", `agent ${caller.id} has its SVID from a server below`);
    }
    const remembered = standingOf(this.#deps.registry.node(caller.id), caller.serialNumber);
    if (remembered === "current") return undefined;
    if (remembered === "pending" && (await this.#promote(caller))) return undefined;
    return this.#confirmed(caller);
  }

  /**
   * A server below can sign any name of the trust domain, with any serial number. Agents of this server have their SVID
   * from one of its authorities itself, so under none of them is there another CA between.
   */
  #isFromBelow({ aboveIssuer }: SvidCaller): boolean {
    if (aboveIssuer.length === 0) return false;
    for (const { kind, id } of this.#deps.registry.authorities()) {
      if (kind === "x509" && aboveIssuer.includes(id)) return true;
    }
    return false;
  }

  async #confirmed(caller: SvidCaller): Promise<ServiceError | undefined> {
    const standing = standingOf(await this.#deps.store.findNode(caller.id), caller.serialNumber);
    switch (standing) {
      case "current":
        return undefined;
      case "pending":
        return (await this.#promote(caller)) ? undefined : standingRefusal(caller, "not-active");
      default:
        return standingRefusal(caller, standing);
    }
  }

  #promote(caller: SvidCaller): Promise<boolean> {
    const key = `${caller.id} ${caller.serialNumber}`;
    const running = this.#promotions.get(key);
    if (running !== undefined) return running;
    const use = { authorityId: caller.authorityId, seenAt: Math.floor(this.#deps.clock.now() / 1000) };
    const promotion = this.#deps.store
      .promoteSerial(caller.id, caller.serialNumber, use)
      .finally(() => this.#promotions.delete(key));
    this.#promotions.set(key, promotion);
    return promotion;
  }
}
