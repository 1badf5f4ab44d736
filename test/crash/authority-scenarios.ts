import type { Authorities } from "../../server/authority/authorities.ts";
import type { AuthorityKind } from "../../server/domain/authority.ts";
import { type AuthorityWorld, day, hour } from "../fakes/authority-world.ts";
import { FakeUpstream } from "../fakes/fake-upstream.ts";

export interface Scenario {
  readonly name: string;
  /** Brings the world to where it begins, without crashes. */
  readonly before: (world: AuthorityWorld) => Promise<void>;
  /** Time passes while no process runs. */
  readonly pause: number;
  /** What the process does that is to be crashed. */
  readonly during: (world: AuthorityWorld) => Promise<void>;
}

/** Every turn of an authority's life is at a multiple of four hours when it lives for a day. */
async function live(world: AuthorityWorld, authorities: Authorities, hours: number): Promise<void> {
  for (let passed = 0; passed < hours; passed += 4) {
    await world.clock.advance(4 * hour * 1000);
    await authorities.tick();
  }
}

async function startAndLive(world: AuthorityWorld, hours: number): Promise<void> {
  await live(world, await world.start(), hours);
}

const kinds = ["x509", "jwt"] as const;

/** An operator's turn, for both kinds of authority. */
function byHand(act: (authorities: Authorities, kind: AuthorityKind) => Promise<unknown>): Scenario["during"] {
  return async (world) => {
    const authorities = await world.start();
    for (const kind of kinds) await act(authorities, kind);
    await authorities.tick();
  };
}

const oldIdOf = ({ operations }: Authorities, kind: AuthorityKind): string => operations.states(kind).old?.id ?? "";
const prepare = byHand(({ operations }, kind) => operations.prepare(kind));
const activate = byHand(({ operations }, kind) =>
  operations.activate(kind, operations.states(kind).prepared?.id ?? ""),
);
const taint = byHand((authorities, kind) => authorities.operations.taint(kind, oldIdOf(authorities, kind)));
const revoke = byHand((authorities, kind) => authorities.operations.revoke(kind, oldIdOf(authorities, kind)));

function after(...steps: readonly Scenario["during"][]): Scenario["before"] {
  return async (world) => {
    for (const step of steps) await step(world);
  };
}

const start = async (world: AuthorityWorld): Promise<void> => {
  await world.start();
};

export const scenarios: readonly Scenario[] = [
  { name: "the first start", before: async () => {}, pause: 0, during: start },
  { name: "a start with everything in place", before: start, pause: hour, during: start },
  { name: "prepare", before: (world) => startAndLive(world, 8), pause: 4 * hour, during: start },
  { name: "activate", before: (world) => startAndLive(world, 16), pause: 4 * hour, during: start },
  { name: "drop the old keys", before: (world) => startAndLive(world, 20), pause: 120, during: start },
  { name: "prune", before: (world) => startAndLive(world, 44), pause: 4 * hour, during: start },
  { name: "a start after everything expired", before: start, pause: 1.2 * day, during: start },
  {
    name: "a start long after everything is dead",
    before: (world) => startAndLive(world, 12),
    pause: 9 * day,
    during: start,
  },
  {
    name: "two days in one process",
    before: async () => {},
    pause: 0,
    during: (world) => startAndLive(world, 52),
  },
  { name: "prepare by hand", before: start, pause: 0, during: prepare },
  { name: "prepare by hand what is prepared", before: after(prepare), pause: hour, during: prepare },
  { name: "activate by hand", before: after(prepare), pause: hour, during: activate },
  { name: "taint by hand", before: after(prepare, activate), pause: hour, during: taint },
  { name: "revoke by hand", before: after(prepare, activate, taint), pause: hour, during: revoke },
  { name: "prune what was revoked", before: after(prepare, activate, taint, revoke), pause: 2.1 * day, during: start },
];

/** The same with a root above that can be exchanged. */
export const upstreamScenarios: readonly Scenario[] = [
  {
    name: "taint and revoke the root above by hand",
    before: async (world) => {
      await start(world);
      upstreamOf(world).exchangeRoot();
      await prepareX509(world);
    },
    pause: hour,
    during: async (world) => {
      const { operations } = await world.start();
      const { active, prepared } = operations.states("x509");
      await operations.activate("x509", prepared?.id ?? "");
      await operations.taintUpstream(active.upstreamId);
      await operations.revokeUpstream(active.upstreamId);
    },
  },
  {
    name: "a root above that is tainted in the bundle",
    before: async (world) => {
      const { rootId } = upstreamOf(world);
      await start(world);
      upstreamOf(world).exchangeRoot();
      const bundleEdits = [{ kind: "taint-x509", subjectKeyId: rootId } as const];
      await world.store.commitAuthorities({ put: [], remove: [], bundleEdits });
    },
    pause: hour,
    during: start,
  },
];

async function prepareX509(world: AuthorityWorld): Promise<void> {
  await (await world.start()).operations.prepare("x509");
}

function upstreamOf({ upstream }: AuthorityWorld): FakeUpstream {
  if (upstream instanceof FakeUpstream) return upstream;
  throw new TypeError("this scenario needs a root above");
}
