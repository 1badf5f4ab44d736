import type { Clock } from "../../runtime/core/index.ts";
import type { SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import type { ServiceError } from "../../transport/errors/service-error.ts";
import { serverErrors } from "../errors.ts";
import type { Registry } from "../registry/ports.ts";
import type { AgentSightings } from "./agent-sightings.ts";
import type { AgentStanding } from "./agent-standing.ts";
import type { AuthorityTrust } from "./authority-trust.ts";
import type { Caller, SvidCaller } from "./caller.ts";

/** How a caller may be entitled to a method; a method lists the classes it admits. */
export type CallerClass = "any" | "local" | "admin" | "agent" | "downstream";

export interface GuardedMethod {
  /** Full method, e.g. `/spire.api.server.entry.v1.Entry/ListEntries`. */
  readonly method: string;
  readonly callers: readonly CallerClass[];
}

/** What a batch call wants to touch; policies of a later release look into it. */
export interface AccessItem {
  readonly kind: "entry" | "agent" | "bundle" | "federation";
  readonly id?: string;
  readonly spiffeId?: SpiffeId;
  readonly parentId?: SpiffeId;
}

export type Decision =
  | { readonly allow: true; readonly code: string; readonly as: CallerClass; readonly facts: Facts }
  | { readonly allow: false; readonly code: string; readonly refusal: ServiceError; readonly facts: Facts };

export type Facts = Readonly<Record<string, string>>;

/** Asked once per call (`item` undefined), and per item of a batch when `checksItems`. */
export interface Authorizer {
  readonly checksItems: boolean;
  check(caller: Caller, method: GuardedMethod, item: AccessItem | undefined): Promise<Decision>;
}

export interface ClassAuthorizerDeps {
  readonly trustDomain: TrustDomain;
  readonly adminIds: readonly SpiffeId[];
  readonly registry: Pick<Registry, "entriesBySpiffeId">;
  readonly standing: AgentStanding;
  readonly trust: AuthorityTrust;
  readonly clock: Clock;
  /** Told of every agent that is let in. */
  readonly sightings?: Pick<AgentSightings, "saw">;
}

/** Caller classes as SPIRE has them (spire-wire §0): the method's table decides, nothing in the request does. */
export class ClassAuthorizer implements Authorizer {
  readonly checksItems = false;
  readonly #deps: ClassAuthorizerDeps;
  readonly #adminIds: ReadonlySet<string>;

  constructor(deps: ClassAuthorizerDeps) {
    this.#deps = deps;
    this.#adminIds = new Set(deps.adminIds.map((id) => id.toString()));
  }

  async check(caller: Caller, method: GuardedMethod): Promise<Decision> {
    if (method.callers.includes("any")) return allowed("any");
    if (caller.kind === "local") return method.callers.includes("local") ? allowed("local") : this.#denied(method);
    if (caller.kind === "anonymous") return this.#denied(method);
    return this.#checkSvid(caller, method);
  }

  async #checkSvid(caller: SvidCaller, method: GuardedMethod): Promise<Decision> {
    const wantsAgent = method.callers.includes("agent");
    const byEntry = this.#classByEntry(caller, method);
    if (byEntry === undefined && !wantsAgent) return this.#denied(method);
    if (!(await this.#deps.trust.isTrusted(caller.id.trustDomain, caller.authorityId))) {
      const message = "the authority that signed the caller's SVID is no longer trusted";
      return refused(serverErrors.error("ERR_CALLER_DISTRUSTED", message));
    }
    if (byEntry !== undefined && this.#deps.clock.now() <= caller.notAfterMs) {
      const refusal = this.#isOwnAgent(caller.id) ? await this.#deps.standing.refusal(caller) : undefined;
      return refusal === undefined ? allowed(byEntry) : refused(refusal);
    }
    if (!wantsAgent) return refused(serverErrors.error("ERR_CALLER_EXPIRED", "the caller's SVID has expired"));
    const refusal = await this.#deps.standing.refusal(caller);
    if (refusal !== undefined) return refused(refusal);
    this.#deps.sightings?.saw(caller);
    return allowed("agent");
  }

  #classByEntry(caller: SvidCaller, method: GuardedMethod): "admin" | "downstream" | undefined {
    if (method.callers.includes("admin") && this.#isAdmin(caller.id)) return "admin";
    if (method.callers.includes("downstream") && this.#hasEntry(caller.id, "downstream")) return "downstream";
    return undefined;
  }

  /** Being an administrator too does not save an agent from a ban or an eviction. */
  #isOwnAgent(id: SpiffeId): boolean {
    return id.isMemberOf(this.#deps.trustDomain) && id.path.startsWith("/spire/agent/");
  }

  #isAdmin(id: SpiffeId): boolean {
    return this.#adminIds.has(id.toString()) || this.#hasEntry(id, "admin");
  }

  #hasEntry(id: SpiffeId, mark: "admin" | "downstream"): boolean {
    const now = this.#deps.clock.now() / 1000;
    return this.#deps.registry
      .entriesBySpiffeId(id)
      .some((entry) => entry[mark] && (entry.expiresAt === 0 || entry.expiresAt > now));
  }

  #denied(method: GuardedMethod): Decision {
    return refused(serverErrors.error("ERR_NOT_AUTHORIZED", `authorization denied for method ${method.method}`));
  }
}

function allowed(as: CallerClass): Decision {
  return { allow: true, code: `allowed_${as}`, as, facts: {} };
}

function refused(refusal: ServiceError): Decision {
  return { allow: false, code: refusal.code, refusal, facts: {} };
}
