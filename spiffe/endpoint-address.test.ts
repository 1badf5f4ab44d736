import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { loadVectors } from "../test/vectors/load.ts";
import {
  type EndpointAddress,
  type EndpointKind,
  parseEndpointAddress,
  resolveEndpointAddress,
  SpiffeError,
} from "./index.ts";

interface Case {
  readonly input: string;
  readonly accepted: readonly EndpointKind[];
  readonly address?: EndpointAddress;
  readonly clauses: readonly string[];
}

const kinds: readonly EndpointKind[] = ["workload", "broker"];

describe("parseEndpointAddress()", () => {
  for (const [index, { input, accepted, address, clauses }] of loadVectors<Case>("endpoint-address.json").entries()) {
    for (const kind of kinds) {
      const verdict = accepted.includes(kind) ? "accepts" : "refuses";
      it(`vector ${index}: the ${kind} endpoint ${verdict} ${JSON.stringify(input)} (${clauses.join(", ")})`, () => {
        if (accepted.includes(kind)) assert.deepEqual(parseEndpointAddress(input, kind), address);
        else assert.throws(() => parseEndpointAddress(input, kind), { code: "ERR_ENDPOINT_ADDRESS" });
      });
    }
  }

  it("applies the rules of the Workload Endpoint unless told otherwise", () => {
    assert.throws(() => parseEndpointAddress("tcp://localhost:8000"), { code: "ERR_ENDPOINT_ADDRESS" });
  });

  it("refuses an address of unreasonable length", () => {
    assert.throws(() => parseEndpointAddress(`unix:///${"a".repeat(5000)}`), { code: "ERR_ENDPOINT_ADDRESS" });
  });

  it("only ever throws SpiffeError", () => {
    const parts = fc.constantFrom(
      "unix:",
      "tcp://",
      "//",
      "/",
      "a",
      "[",
      "]",
      "::1",
      ":",
      "80",
      "%",
      "%20",
      "@",
      "?",
      "#",
      "\0",
      "\ud800",
    );
    fc.assert(
      fc.property(fc.array(parts), fc.constantFrom(...kinds), (pieces, kind) => {
        try {
          const address = parseEndpointAddress(pieces.join(""), kind);
          assert.ok(address.kind === "unix" ? address.path.startsWith("/") : address.port > 0);
        } catch (error) {
          assert.ok(error instanceof SpiffeError, String(error));
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe("resolveEndpointAddress()", () => {
  const environment = { SPIFFE_ENDPOINT_SOCKET: "unix:///env.sock", SPIFFE_BROKER_SOCKET: "tcp://localhost:1" };

  it("prefers the explicit address and does not even parse the variable (WEP-12, P-23)", () => {
    const address = resolveEndpointAddress("unix:///given.sock", { SPIFFE_ENDPOINT_SOCKET: "nonsense" });
    assert.deepEqual(address, { kind: "unix", path: "/given.sock" });
  });

  it("uses the variable of its kind (WEP-13, BEP-11)", () => {
    assert.deepEqual(resolveEndpointAddress(undefined, environment), { kind: "unix", path: "/env.sock" });
    assert.deepEqual(resolveEndpointAddress(undefined, environment, "broker"), {
      kind: "tcp",
      host: "localhost",
      port: 1,
    });
  });

  it("names the variable when there is no address at all (P-23)", () => {
    assert.throws(() => resolveEndpointAddress(undefined, {}), {
      code: "ERR_ENDPOINT_ADDRESS_MISSING",
      message: /SPIFFE_ENDPOINT_SOCKET/,
    });
    assert.throws(() => resolveEndpointAddress(undefined, {}, "broker"), { message: /SPIFFE_BROKER_SOCKET/ });
  });

  it("refuses a variable that is set to nothing", () => {
    assert.throws(() => resolveEndpointAddress(undefined, { SPIFFE_ENDPOINT_SOCKET: "" }), {
      code: "ERR_ENDPOINT_ADDRESS",
      message: "SPIFFE_ENDPOINT_SOCKET is set, but empty",
    });
  });

  it("names the variable whose address is not legal", () => {
    assert.throws(() => resolveEndpointAddress(undefined, { SPIFFE_ENDPOINT_SOCKET: "nonsense" }), {
      code: "ERR_ENDPOINT_ADDRESS",
      message: /^SPIFFE_ENDPOINT_SOCKET: /,
    });
  });
});
