import assert from "node:assert/strict";
import { test } from "node:test";
import { clientSocketPath, defaultSocketPath } from "./default-sockets.ts";

const environment = { XDG_RUNTIME_DIR: "/run/user/1000" };
const own = "/run/user/1000/countersign/server/private/api.sock";
const ofMachine = "/run/countersign/server/private/api.sock";

test("a client takes the user's own socket, then the machine's where only that is there", () => {
  assert.equal(defaultSocketPath("server", environment, 1000), own);
  const choose = (...there: readonly string[]) =>
    clientSocketPath("server", environment, 1000, (path) => there.includes(path));
  assert.equal(choose(own, ofMachine), own);
  assert.equal(choose(ofMachine), ofMachine);
  assert.equal(choose(), own);
  assert.equal(
    clientSocketPath("server", environment, 0, () => false),
    ofMachine,
  );
});
