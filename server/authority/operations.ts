import type { Clock } from "../../runtime/core/index.ts";
import type { AuthorityKind, AuthorityRecord } from "../domain/authority.ts";
import { serverErrors } from "../errors.ts";
import type { AuthorityLifecycle, WorkingAction } from "./lifecycle.ts";
import { type AuthorityView, canSign } from "./next-action.ts";
import type { AuthorityOperations, AuthorityStates } from "./ports.ts";

export interface OperationsDeps {
  readonly hasUpstream: boolean;
  readonly serverId: string;
  readonly lifecycle: (kind: AuthorityKind) => AuthorityLifecycle | undefined;
  /** Runs `task` while the rotation does not, and lets the rotation look again after it. */
  readonly inTurn: <T>(task: () => Promise<T>) => Promise<T>;
  readonly clock: Clock;
}

/** @see AuthorityOperations. Each operation is one durable step of the journal, or two: a preparation is written down first. */
export class OperatorAuthorities implements AuthorityOperations {
  readonly #deps: OperationsDeps;

  constructor(deps: OperationsDeps) {
    this.#deps = deps;
  }

  get hasUpstream(): boolean {
    return this.#deps.hasUpstream;
  }

  states(kind: AuthorityKind): AuthorityStates {
    const own = this.#lifecycle(kind).records.filter(({ serverId }) => serverId === this.#deps.serverId);
    const active = own.find(({ state }) => state === "active");
    if (active === undefined) throw unavailable(kind);
    const retired = own.filter(({ state }) => state === "old" || state === "tainted" || state === "revoked");
    // They were active one after the other, each until after its successor was made.
    const old = retired.reduce<AuthorityRecord | undefined>(
      (latest, record) => (latest === undefined || record.issuedAt >= latest.issuedAt ? record : latest),
      undefined,
    );
    return { active, prepared: own.find(({ state }) => state === "prepared"), old };
  }

  prepare(kind: AuthorityKind): Promise<AuthorityRecord> {
    return this.#deps.inTurn(async () => {
      const lifecycle = this.#lifecycle(kind);
      this.states(kind);
      await lifecycle.perform((view) => (this.#own(view).some(isPreparing) ? undefined : { kind: "begin" }));
      await lifecycle.perform((view) => {
        const own = this.#own(view);
        const record = own.find(isPreparing);
        if (record === undefined) throw unavailable(kind);
        return { kind: "publish", record, replaces: own.filter(({ state }) => state === "prepared"), outlives: 0 };
      });
      const { prepared } = this.states(kind);
      if (prepared === undefined) throw unavailable(kind);
      return prepared;
    });
  }

  activate(kind: AuthorityKind, id: string): Promise<AuthorityRecord> {
    return this.#onRecord(kind, id, (record, view) => {
      if (record.state !== "prepared") throw outOfOrder("only a prepared authority can be activated", record);
      if (!canSign(view, record, this.#deps.clock.now() / 1000)) {
        throw serverErrors.error("ERR_AUTHORITY_TRANSITION", "the prepared authority cannot sign");
      }
      return { kind: "activate", record, retire: this.#own(view).filter(({ state }) => state === "active") };
    });
  }

  async taint(kind: AuthorityKind, id: string): Promise<AuthorityRecord> {
    this.#refuseUpstream(kind, "tainted");
    return this.#onRecord(kind, id, (record) => {
      if (record.state === "active") throw badId("the active authority cannot be tainted: activate another first");
      if (isPending(record)) throw badId("only an old authority can be tainted");
      if (record.state !== "old") throw outOfOrder("only an old authority can be tainted", record);
      return { kind: "taint", records: [record] };
    });
  }

  async revocable(kind: AuthorityKind, id: string): Promise<AuthorityRecord> {
    this.#refuseUpstream(kind, "revoked");
    return this.#onRecord(kind, id, (record) => void checkRevocable(record));
  }

  async revoke(kind: AuthorityKind, id: string): Promise<AuthorityRecord> {
    this.#refuseUpstream(kind, "revoked");
    return this.#onRecord(kind, id, (record) => {
      checkRevocable(record);
      return { kind: "revoke", records: [record] };
    });
  }

  async taintUpstream(subjectKeyId: string): Promise<string> {
    const id = this.#upstreamId(subjectKeyId);
    await this.#onUpstream(id, (below) => {
      const old = below.filter(({ state }) => state === "old");
      const [first] = below;
      if (old.length === 0 && first !== undefined) throw outOfOrder("no old authority is below it", first);
      return { kind: "taint", records: old };
    });
    return id;
  }

  async revocableUpstream(subjectKeyId: string): Promise<readonly AuthorityRecord[]> {
    let found: readonly AuthorityRecord[] = [];
    await this.#onUpstream(this.#upstreamId(subjectKeyId), (below) => {
      found = revocableBelow(below);
      return undefined;
    });
    return found;
  }

  async revokeUpstream(subjectKeyId: string): Promise<string> {
    const id = this.#upstreamId(subjectKeyId);
    await this.#onUpstream(id, (below) => ({ kind: "revoke", records: revocableBelow(below) }));
    return id;
  }

  #lifecycle(kind: AuthorityKind): AuthorityLifecycle {
    const lifecycle = this.#deps.lifecycle(kind);
    if (lifecycle === undefined) throw serverErrors.error("ERR_JWT_DISABLED", "JWT functionality is disabled");
    return lifecycle;
  }

  #isOwn({ serverId }: AuthorityRecord): boolean {
    return serverId === this.#deps.serverId;
  }

  #own(view: AuthorityView): readonly AuthorityRecord[] {
    return view.records.filter((record) => this.#isOwn(record));
  }

  /** Local CAs below an upstream are distrusted with what is above them, not one by one. */
  #refuseUpstream(kind: AuthorityKind, what: string): void {
    if (kind === "jwt" || !this.#deps.hasUpstream) return;
    const message = `a local authority cannot be ${what} while there is an upstream authority`;
    throw serverErrors.error("ERR_UPSTREAM_AUTHORITY", message);
  }

  async #onRecord(
    kind: AuthorityKind,
    id: string,
    decide: (record: AuthorityRecord, view: AuthorityView) => WorkingAction | undefined,
  ): Promise<AuthorityRecord> {
    const lifecycle = this.#lifecycle(kind);
    if (id === "") throw badId("no authority ID provided");
    const find = (records: readonly AuthorityRecord[]): AuthorityRecord => {
      const record = records.find((candidate) => candidate.id === id && this.#isOwn(candidate));
      if (record === undefined) throw badId("unexpected authority ID");
      return record;
    };
    return this.#deps.inTurn(async () => {
      await lifecycle.perform((view) => decide(find(view.records), view));
      return find(lifecycle.records);
    });
  }

  #upstreamId(subjectKeyId: string): string {
    if (!this.#deps.hasUpstream) {
      throw serverErrors.error("ERR_UPSTREAM_AUTHORITY", "upstream authority is not configured");
    }
    if (subjectKeyId === "") throw badId("no subject key ID provided");
    return subjectKeyId.toLowerCase();
  }

  /** `decide` sees the old authorities of this server below the anchor, one at least. */
  #onUpstream(id: string, decide: (below: readonly AuthorityRecord[]) => WorkingAction | undefined): Promise<void> {
    return this.#deps.inTurn(() =>
      this.#lifecycle("x509").perform((view) => {
        const below = view.records.filter(({ upstreamId }) => upstreamId === id);
        if (below.some(({ state }) => state === "active")) {
          throw badId("an active authority rests on this upstream authority: activate another first");
        }
        if (below.some(isPending)) throw badId("a prepared authority rests on this upstream authority");
        const own = below.filter((record) => this.#isOwn(record));
        if (own.length === 0) throw badId("no old authority of this server rests on this upstream authority");
        return decide(own);
      }),
    );
  }
}

function isPreparing({ state }: AuthorityRecord): boolean {
  return state === "preparing";
}

function isPending({ state }: AuthorityRecord): boolean {
  return state === "preparing" || state === "prepared";
}

function checkRevocable(record: AuthorityRecord): void {
  if (record.state === "active") throw badId("the active authority cannot be revoked");
  if (isPending(record)) throw badId("only an old authority can be revoked");
  if (record.state !== "tainted") throw outOfOrder("only a tainted authority can be revoked", record);
}

/** Throws ERR_AUTHORITY_TRANSITION when none is tainted. */
function revocableBelow(below: readonly AuthorityRecord[]): readonly AuthorityRecord[] {
  const tainted = below.filter(({ state }) => state === "tainted");
  const [first] = below;
  if (tainted.length === 0 && first !== undefined) throw outOfOrder("no tainted authority is below it", first);
  return tainted;
}

function outOfOrder(rule: string, { state }: AuthorityRecord): Error {
  return serverErrors.error("ERR_AUTHORITY_TRANSITION", `${rule}; this one is ${state}`);
}

function badId(message: string): Error {
  return serverErrors.error("ERR_AUTHORITY_ID", message);
}

function unavailable(kind: AuthorityKind): Error {
  return serverErrors.error("ERR_AUTHORITY_UNAVAILABLE", `there is no ${kind} authority that can sign`);
}
