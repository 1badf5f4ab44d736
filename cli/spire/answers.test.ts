import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { cli } from "../../test/fakes/cli.ts";
import { TestServer } from "../../test/fakes/test-server.ts";

interface Recorded {
  readonly args: string;
  readonly answer: unknown;
}

/** What spire-server 1.15.3 printed for these command lines, one after the other, on a new server of ours. */
const recorded: readonly Recorded[] = JSON.parse(readFileSync("test/fixtures/spire-cli-answers.json", "utf8"));

const changing = new Set(["created_at", "value", "key_id", "public_key", "asn1", "sequence_number"]);
const levels = new Set(["current_level", "launch_level"]);

/** Without what is different each time; that it is text stays. */
function masked(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, inner: unknown) => {
      const isChanging = changing.has(key) || levels.has(key) || (key === "expires_at" && inner !== "0");
      return isChanging && typeof inner === "string" ? "<text>" : inner;
    }),
  );
}

describe("--output json", () => {
  let server: TestServer;
  before(async () => {
    server = await TestServer.start();
  });
  after(() => server[Symbol.asyncDispose]());

  for (const { args, answer } of recorded) {
    it(`is SPIRE's: ${args}`, async () => {
      const { out, err } = await cli([...args.split(" "), "-socketPath", server.config.socketPath, "-output", "json"]);
      assert.equal(err, "");
      assert.deepEqual(masked(JSON.parse(out)), answer);
    });
  }
});
