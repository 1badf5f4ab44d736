import { settle, TestClock } from "../../sdk/testing/test-clock.ts";

/** The testing kit's clock, from the same moment in every run. */
export class FakeClock extends TestClock {
  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    super(startMs);
  }
}

export { settle };
