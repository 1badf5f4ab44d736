import type { Authorities } from "../../server/authority/authorities.ts";
import { type AuthorityWorld, day, hour } from "../fakes/authority-world.ts";

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
];
