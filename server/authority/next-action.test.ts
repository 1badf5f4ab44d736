import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { AuthorityRecord, AuthorityState } from "../domain/authority.ts";
import { type AuthorityAction, type AuthorityView, canSign, keyGrace, nextAction } from "./next-action.ts";
import { guaranteedLife, lifeWarnings, propagation, turnsOf } from "./schedule.ts";
import { transition } from "./transitions.ts";

const hour = 3600;
const day = 24 * hour;
const t0 = 1_767_225_600;

function record(state: AuthorityState, changes: Partial<AuthorityRecord> = {}): AuthorityRecord {
  const issuedAt = changes.issuedAt ?? t0;
  const preparing = state === "preparing";
  return {
    kind: "x509",
    id: `id-${state}`,
    serverId: "s",
    state,
    keyId: `key-${state}`,
    chain: [],
    anchors: [],
    publicKey: new Uint8Array(),
    upstreamId: "",
    issuedAt,
    notAfter: preparing ? 0 : issuedAt + day,
    changedAt: issuedAt,
    ...changes,
  };
}

const surroundings = {
  distrustedAbove: new Set<string>(),
  wantedLife: day,
  wellKnown: new Set<string>(),
  askAgainAt: 0,
};

function view(records: readonly AuthorityRecord[], keys?: readonly (readonly [string, boolean])[]): AuthorityView {
  const own = records.filter((each) => each.serverId === "s");
  const known = new Map(keys ?? own.map(({ keyId }) => [keyId, true]));
  return { serverId: "s", records, keys: known, ...surroundings };
}

function decide(records: readonly AuthorityRecord[], now: number): AuthorityAction {
  return nextAction(view(records), now);
}

describe("nextAction()", () => {
  it("begins when there is nothing", () => {
    assert.deepEqual(decide([], t0), { kind: "begin" });
  });

  it("goes on with what a crash interrupted", () => {
    const preparing = record("preparing");
    assert.deepEqual(decide([preparing], t0 + day), { kind: "publish", record: preparing, replaces: [], outlives: 0 });
  });

  it("activates the first authority at once", () => {
    const prepared = record("prepared");
    assert.deepEqual(decide([prepared], t0), { kind: "activate", record: prepared, retire: [] });
  });

  it("lets a prepared CA below a known anchor sign at once when the active one was cut short above", () => {
    const active = record("active", { upstreamId: "root", notAfter: t0 + hour });
    const prepared = record("prepared", { upstreamId: "root", issuedAt: t0 + 60 });
    const activated = { kind: "activate", record: prepared, retire: [active] };
    assert.deepEqual(decide([active, prepared], t0 + 60), activated);
    const elsewhere = { ...prepared, upstreamId: "new-root" };
    assert.equal(decide([active, elsewhere], t0 + 60).kind, "wait", "its anchor has to be known first");
    const known = { ...view([active, elsewhere]), wellKnown: new Set([elsewhere.id]) };
    assert.deepEqual(nextAction(known, t0 + 60), { ...activated, record: elsewhere });
    const lasting = record("active", { upstreamId: "root", notAfter: t0 + 5 * hour });
    assert.equal(decide([lasting, prepared], t0 + 60).kind, "wait", "the active one still gives what is promised");
  });

  it("asks at a steady pace for a CA that ends later than one which was cut short above", () => {
    const active = record("active", { upstreamId: "root", notAfter: t0 + hour });
    const preparing = record("preparing");
    const asked = { kind: "publish", record: preparing, replaces: [], outlives: active.notAfter };
    assert.deepEqual(decide([active], t0), { kind: "begin" });
    assert.deepEqual(decide([active, preparing], t0), asked);
    const refused = { ...view([active, preparing]), askAgainAt: t0 + 100 };
    assert.deepEqual(nextAction(refused, t0 + 99), { kind: "wait", until: t0 + 100 });
    assert.deepEqual(nextAction(refused, t0 + 100), asked);
    const ended = { kind: "publish", record: preparing, replaces: [], outlives: 0 };
    assert.deepEqual(
      nextAction({ ...refused, askAgainAt: t0 + day }, t0 + hour),
      ended,
      "anything is better than none",
    );
    const own = record("active", { notAfter: t0 + hour });
    assert.equal(decide([own], t0).kind, "wait", "of our own making: ca_ttl was shorter then");
  });

  it("waits until half of the life is left", () => {
    const active = record("active");
    assert.deepEqual(decide([active], t0), { kind: "wait", until: t0 + 12 * hour });
    assert.deepEqual(decide([active], t0 + 12 * hour - 1), { kind: "wait", until: t0 + 12 * hour });
    assert.deepEqual(decide([active], t0 + 12 * hour), { kind: "begin" });
  });

  it("activates the successor when a sixth of the life is left", () => {
    const active = record("active");
    const prepared = record("prepared", { issuedAt: t0 + 12 * hour });
    assert.deepEqual(decide([active, prepared], t0 + 12 * hour), { kind: "wait", until: t0 + 20 * hour });
    assert.deepEqual(decide([active, prepared], t0 + 20 * hour), {
      kind: "activate",
      record: prepared,
      retire: [active],
    });
  });

  it("uses 30 and 7 days for long lives", () => {
    const active = record("active", { notAfter: t0 + 365 * day });
    assert.deepEqual(decide([active], t0), { kind: "wait", until: t0 + 335 * day });
    const prepared = record("prepared", { issuedAt: t0 + 335 * day, notAfter: t0 + 700 * day });
    assert.deepEqual(decide([active, prepared], t0 + 336 * day), { kind: "wait", until: t0 + 358 * day });
  });

  it("lets a late successor be known for a while before it signs", () => {
    const active = record("active");
    const prepared = record("prepared", { issuedAt: t0 + 22 * hour });
    assert.deepEqual(decide([active, prepared], t0 + 22 * hour), { kind: "wait", until: t0 + 22.25 * hour });
    assert.equal(decide([active, prepared], t0 + 22.25 * hour).kind, "activate");
  });

  it("does not wait for propagation when the active one is about to end", () => {
    const active = record("active");
    const prepared = record("prepared", { issuedAt: t0 + 24 * hour - 600 });
    assert.equal(decide([active, prepared], t0 + 24 * hour - 600).kind, "activate");
  });

  it("replaces an authority that expired while the server was stopped", () => {
    const active = record("active");
    assert.deepEqual(decide([active], t0 + day), { kind: "begin" });
    const prepared = record("prepared", { issuedAt: t0 + day });
    assert.deepEqual(decide([active, prepared], t0 + day), { kind: "activate", record: prepared, retire: [active] });
  });

  it("replaces an authority whose key is lost or is another one, and keeps what it signed verifiable", () => {
    const active = record("active");
    for (const keys of [[], [["key-active", false]]] as const) {
      assert.deepEqual(nextAction(view([active], keys), t0 + 1), { kind: "begin" });
    }
    const prepared = record("prepared");
    const action = nextAction(view([active, prepared], [["key-prepared", true]]), t0 + 1);
    assert.deepEqual(action, { kind: "activate", record: prepared, retire: [active] });
  });

  it("replaces an authority from the future, as after a clock was corrected", () => {
    assert.equal(decide([record("active")], t0 - 10).kind, "wait");
    assert.deepEqual(decide([record("active")], t0 - 11), { kind: "begin" });
  });

  it("gives up a prepared authority that can never sign", () => {
    const active = record("active", { issuedAt: t0 });
    const lost = record("prepared");
    const action = nextAction(view([active, lost], [["key-active", true]]), t0);
    assert.deepEqual(action, { kind: "abandon", record: lost });
  });

  it("prunes an old authority a day after its end, no earlier", () => {
    const active = record("active", { issuedAt: t0 + 47 * hour });
    const old = record("old");
    const keys = [["key-active", true]] as const;
    assert.deepEqual(nextAction(view([old, active], keys), t0 + 47 * hour), { kind: "wait", until: t0 + 48 * hour });
    assert.deepEqual(nextAction(view([old, active], keys), t0 + 48 * hour), { kind: "prune", records: [old] });
  });

  it("drops the key of a retired authority after a minute, and keys without a record at once", () => {
    const active = record("active");
    const old = record("old");
    assert.deepEqual(decide([old, active], t0), { kind: "wait", until: t0 + keyGrace });
    assert.deepEqual(decide([old, active], t0 + keyGrace), { kind: "drop-keys", keyIds: ["key-old"] });
    const orphan = [
      ["key-active", true],
      ["key-of-nothing", false],
    ] as const;
    assert.deepEqual(nextAction(view([active], orphan), t0), { kind: "drop-keys", keyIds: ["key-of-nothing"] });
  });

  it("leaves another server's authorities alone until they are long dead", () => {
    const active = record("active", { issuedAt: t0 + 70 * hour });
    const foreign = record("active", { serverId: "other", id: "foreign" });
    assert.equal(decide([foreign, active], t0 + 72 * hour - 1).kind, "wait");
    assert.deepEqual(decide([foreign, active], t0 + 72 * hour), { kind: "prune", records: [foreign] });
    assert.deepEqual(decide([foreign], t0), { kind: "begin" });
  });

  it("replaces at once what rests on a distrusted anchor, and taints it once it is old", () => {
    const below = (state: AuthorityState, upstreamId: string) => record(state, { upstreamId });
    const decideWith = (records: readonly AuthorityRecord[]) =>
      nextAction({ ...view(records), distrustedAbove: new Set(["bad"]) }, t0);
    const active = below("active", "bad");
    assert.deepEqual(decideWith([active]), { kind: "begin" });
    assert.deepEqual(decideWith([below("prepared", "bad")]), { kind: "begin" });
    const good = below("prepared", "good");
    assert.deepEqual(decideWith([active, good]), { kind: "activate", record: good, retire: [active] });
    const old = below("old", "bad");
    assert.deepEqual(decideWith([old, below("active", "good")]), { kind: "taint", records: [old] });
    assert.equal(decideWith([below("tainted", "bad"), below("active", "good")]).kind, "wait");
    assert.equal(decideWith([record("active", { upstreamId: "" })]).kind, "wait");
  });

  it("keeps its promises through any sequence of time, crashes of the process and losses of keys", () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ kind: fc.constant("time" as const), by: fc.integer({ min: 1, max: 30 }) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("stop" as const), by: fc.integer({ min: 1, max: 400 }) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("lose-keys" as const), by: fc.constant(0) }) },
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constant("by-hand" as const), by: fc.integer({ min: 0, max: 3 }) }),
      },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant("crash" as const), by: fc.integer({ min: 0, max: 3 }) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 12, max: 40 * 24 }), (steps, lifeHours) => {
        const model = new Model(lifeHours * hour);
        model.settle();
        for (const step of steps) model.live(step);
      }),
      { numRuns: 300 },
    );
  });
});

/** A world in which actions simply succeed: checks the decisions, not the carrying out. */
class Model {
  now = t0;
  readonly #life: number;
  #records: AuthorityRecord[] = [];
  #keys = new Map<string, boolean>();
  #bundle = new Set<string>();
  /** Authority id → Unix seconds at which the last SVID it signed ends. */
  #signed = new Map<string, number>();
  #count = 0;

  constructor(life: number) {
    this.#life = life;
  }

  live({ kind, by }: { readonly kind: string; readonly by: number }): void {
    if (kind === "lose-keys") this.#keys.clear();
    else if (kind === "by-hand") this.byHand(by);
    else if (kind === "crash") this.settle(by);
    else if (kind === "stop") this.now += by * hour;
    else this.run(by * hour);
    if (kind !== "crash") this.settle();
  }

  /** What an operator may do at this moment: prepare, activate, taint or revoke; nothing when it would be refused. */
  byHand(what: number): void {
    const find = (wanted: AuthorityState): AuthorityRecord | undefined =>
      this.#records.find(({ state }) => state === wanted);
    const [prepared, active, old, tainted] = [find("prepared"), find("active"), find("old"), find("tainted")];
    if (what === 0) {
      if (find("preparing") === undefined) this.#apply({ kind: "begin" });
      const record = find("preparing");
      if (record !== undefined)
        this.#apply({ kind: "publish", record, replaces: prepared ? [prepared] : [], outlives: 0 });
    } else if (what === 1 && prepared !== undefined && canSign(this.#view(), prepared, this.now)) {
      this.#apply({ kind: "activate", record: prepared, retire: active ? [active] : [] });
    } else if (what === 2 && old !== undefined) this.#apply({ kind: "taint", records: [old] });
    else if (what === 3 && tainted !== undefined) this.#apply({ kind: "revoke", records: [tainted] });
    this.#check();
  }

  #view(): AuthorityView {
    return { serverId: "s", records: this.#records, keys: this.#keys, ...surroundings };
  }

  /** Time passes with the loop running. */
  run(seconds: number): void {
    const end = this.now + seconds;
    for (let turns = 0; this.now < end; turns += 1) {
      assert.ok(turns < 10_000, "the loop is busy");
      const until = this.settle();
      assert.ok(until > this.now, "waits for the past");
      this.now = Math.min(end, until);
    }
    this.settle();
  }

  /** Applies up to `most` actions; the process stops after them. */
  settle(most = 40): number {
    for (let count = 0; count < most; count += 1) {
      const action = nextAction(this.#view(), this.now);
      if (action.kind === "wait") {
        this.#checkSettled();
        return action.until;
      }
      this.#apply(action);
      this.#check();
    }
    assert.ok(most < 40, "does not settle");
    return this.now;
  }

  #apply(action: Exclude<AuthorityAction, { kind: "wait" }>): void {
    switch (action.kind) {
      case "begin":
        this.#count += 1;
        this.#put(
          record("preparing", {
            id: `a${this.#count}`,
            keyId: `k${this.#count}`,
            issuedAt: this.now,
            changedAt: this.now,
          }),
        );
        return;
      case "publish":
        this.#keys.set(action.record.keyId, true);
        this.#bundle.add(action.record.id);
        for (const each of action.replaces) this.#drop(each, "abandon");
        this.#move(action.record, "publish", { issuedAt: this.now, notAfter: this.now + this.#life });
        return;
      case "activate":
        for (const each of action.retire) this.#move(each, "retire");
        this.#move(action.record, "activate");
        return;
      case "abandon":
        assert.equal(this.#signed.has(action.record.id), false, "abandoned what has signed");
        this.#drop(action.record, "abandon");
        return;
      case "prune":
        for (const each of action.records) this.#drop(each, "prune");
        return;
      case "taint":
        for (const each of action.records) this.#move(each, "taint");
        return;
      case "revoke":
        for (const each of action.records) {
          this.#move(each, "revoke");
          this.#bundle.delete(each.id);
          this.#signed.delete(each.id);
        }
        return;
      case "drop-keys":
        for (const keyId of action.keyIds) this.#keys.delete(keyId);
    }
  }

  #move(from: AuthorityRecord, event: Parameters<typeof transition>[1], changes: Partial<AuthorityRecord> = {}): void {
    const state = transition(from.state, event);
    assert.notEqual(state, "gone");
    if (state !== "gone") this.#put({ ...from, ...changes, state, changedAt: this.now });
  }

  #drop(from: AuthorityRecord, event: Parameters<typeof transition>[1]): void {
    assert.equal(transition(from.state, event), "gone");
    this.#records = this.#records.filter(({ id }) => id !== from.id);
    this.#bundle.delete(from.id);
  }

  #put(put: AuthorityRecord): void {
    this.#records = [...this.#records.filter(({ id }) => id !== put.id), put];
  }

  #check(): void {
    const active = this.#records.filter(({ state }) => state === "active");
    assert.ok(active.length <= 1, "two are active");
    for (const { id, notAfter } of active) {
      assert.ok(this.#bundle.has(id), "signs without being in the bundle");
      this.#signed.set(id, Math.max(this.#signed.get(id) ?? 0, notAfter));
    }
    for (const [id, until] of this.#signed) {
      if (until > this.now) assert.ok(this.#bundle.has(id), "left the bundle before what it signed was dead");
    }
    assert.ok(this.#bundle.size <= 8, "the bundle grows");
  }

  #checkSettled(): void {
    const [active] = this.#records.filter(({ state }) => state === "active");
    assert.ok(active !== undefined && active.notAfter > this.now, "nothing signs");
    assert.equal(this.#keys.get(active.keyId), true, "signs without its key");
    const wanted = this.#records.filter(({ state }) => state === "prepared" || state === "active").length;
    assert.ok(wanted <= 2, "prepared more than one");
    for (const keyId of this.#keys.keys()) {
      const owner = this.#records.find((each) => each.keyId === keyId);
      assert.ok(owner !== undefined, "a key belongs to nothing");
      if (owner.state === "old") assert.ok(this.now < owner.changedAt + keyGrace, "an old key is still there");
    }
  }
}

describe("turnsOf()", () => {
  it("orders prepare < activate < force < end < dead for every life", () => {
    fc.assert(
      fc.property(fc.integer({ min: 12, max: 20 * 365 * day }), (life) => {
        const turns = turnsOf({ issuedAt: t0, notAfter: t0 + life });
        assert.ok(turns.prepareAt >= t0 + life / 2);
        assert.ok(turns.prepareAt < turns.activateAt);
        assert.ok(turns.activateAt < turns.forceAt);
        assert.ok(turns.forceAt < t0 + life);
        assert.ok(turns.deadAt > t0 + life);
        assert.ok(turns.prepareAt + propagation(life) < turns.activateAt, "no time to be known");
        assert.equal(turns.activateAt, t0 + life - guaranteedLife(life));
      }),
    );
  });
});

describe("lifeWarnings()", () => {
  const fine = { caTtl: day, x509SvidTtl: hour, agentTtl: hour, jwtSvidTtl: 300 };

  it("is silent for the defaults", () => {
    assert.deepEqual(lifeWarnings(fine), []);
  });

  it("is silent at the guaranteed life and speaks a second above", () => {
    assert.deepEqual(lifeWarnings({ ...fine, x509SvidTtl: 4 * hour }), []);
    assert.deepEqual(lifeWarnings({ ...fine, x509SvidTtl: 4 * hour + 1 }), [
      "default_x509_svid_ttl is 14401 s, but a ca_ttl of 86400 s guarantees only 14400 s: some SVIDs will end early; " +
        "lower default_x509_svid_ttl to 14400 s or raise ca_ttl to 86406 s",
    ]);
  });

  it("names each life that is too long, and no ca_ttl where none would do", () => {
    const warnings = lifeWarnings({ caTtl: 365 * day, x509SvidTtl: 8 * day, agentTtl: 8 * day, jwtSvidTtl: 8 * day });
    assert.equal(warnings.length, 3);
    for (const warning of warnings) assert.doesNotMatch(warning, /raise/);
  });
});
