import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { areTrailers, readRequestHead } from "./request-head.ts";

const good = [":method", "POST", ":scheme", "http", ":path", "/a/b", ":authority", "host", "te", "trailers"];
const without = (name: string): readonly string[] => {
  const at = good.indexOf(name);
  return [...good.slice(0, at), ...good.slice(at + 2)];
};
const replaced = (name: string, value: string): readonly string[] => good.with(good.indexOf(name) + 1, value);

describe("the head of a request", () => {
  it("has method and path, whatever its authority, and everything as sent", () => {
    for (const fields of [
      good,
      without(":authority"),
      replaced(":authority", "/run/api.sock"),
      [...good, "x-bin", "AA==", "x-bin", "", "!#$%&'*+-.^_`|~09az", "\u00e4\ttext"],
    ]) {
      assert.deepEqual(readRequestHead(fields), { method: "POST", path: "/a/b", contentLength: undefined, fields });
    }
    assert.equal(readRequestHead([...good, "content-length", "12", "content-length", "12"])?.contentLength, 12);
    assert.equal(readRequestHead([":method", "CONNECT", ":authority", "host:1"])?.path, "");
  });

  const malformed: readonly (readonly [string, readonly string[]])[] = [
    ["without a method", without(":method")],
    ["without a scheme", without(":scheme")],
    ["without a path", without(":path")],
    ["with an empty path", replaced(":path", "")],
    ["of nothing", []],
    ["with two methods", [":method", "GET", ...good]],
    ["with two authorities", [":authority", "x", ...good]],
    ["with a pseudo-header of an answer", [":status", "200", ...good]],
    ["with an unknown pseudo-header", [":protocol", "websocket", ...good]],
    ["named like a property of every object", [":constructor", "x", ...good]],
    ["with a pseudo-header behind others", [...without(":path"), ":path", "/a/b"]],
    ["with an upper-case name", [...good, "X-Key", "v"]],
    ["with an empty name", [...good, "", "v"]],
    ["with a space in a name", [...good, "x key", "v"]],
    ["with a line break in a value", [...good, "x", "a\r\nb: c"]],
    ["with a NUL in a value", [...good, "x", "a\0"]],
    ["with a line break in its path", replaced(":path", "/a\n")],
    ["with a space around a value", [...good, "x", " v"]],
    ["about its connection", [...good, "connection", "close"]],
    ["that wants an upgrade", [...good, "upgrade", "h3"]],
    ["in chunks", [...good, "transfer-encoding", "chunked"]],
    ["that takes more than trailers", replaced("te", "gzip")],
    ["with two lengths", [...good, "content-length", "1", "content-length", "2"]],
    ["with a length that is none", [...good, "content-length", "-1"]],
    ["that connects to a path", [...good.with(1, "CONNECT")]],
  ];
  for (const [what, fields] of malformed) {
    it(`${what} is malformed`, () => assert.equal(readRequestHead(fields), undefined));
  }

  it("and trailers keep the same rules, without any pseudo-header", () => {
    assert.equal(areTrailers(["grpc-x", "1"]), true);
    for (const fields of [
      [":path", "/"],
      ["X", "1"],
      ["connection", "close"],
    ])
      assert.equal(areTrailers(fields), false);
  });
});
