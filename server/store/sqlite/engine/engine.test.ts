import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { EngineAnswer, EngineRequest, EntryRow } from "../protocol.ts";
import { Engine } from "./engine.ts";

function newEngine(): Engine {
  return new Engine({
    ...{ path: ":memory:", inode: "", trustDomain: "example.org" },
    ...{ newEpoch: "e", newServerId: "s", nowMs: 0 },
  });
}

function row(id: string, parts: { readonly admin?: 0 | 1; readonly hint?: string } = {}): EntryRow {
  const { admin = 0, hint = "" } = parts;
  return [
    id,
    `spiffe://example.org/${id}`,
    "spiffe://example.org/p",
    '["a:b"]',
    0,
    0,
    "[]",
    admin,
    0,
    0,
    "[]",
    0,
    0,
    hint,
    1,
    null,
  ];
}

function create(...rows: readonly EntryRow[]): EngineRequest {
  return { op: "createEntries", args: { rows } };
}

/** Breaks a CHECK of the schema, after a valid entry has been written. */
function failing(id: string): EngineRequest {
  const broken: unknown[] = [...row(`${id}-2`)];
  broken[12] = 7;
  const args: unknown = { rows: [row(`${id}-1`), broken] };
  const request: unknown = { op: "createEntries", args };
  assert.ok(isRequest(request));
  return request;
}

function isRequest(value: unknown): value is EngineRequest {
  return typeof value === "object" && value !== null && "op" in value;
}

function kinds(answers: readonly EngineAnswer[]): readonly string[] {
  return answers.map(({ kind }) => kind);
}

describe("Engine", () => {
  it("undoes a failing request of a group by itself and gives its numbers back", () => {
    const engine = newEngine();
    const answers = engine.execute([create(row("a")), failing("f"), create(row("b"), row("c"))]);
    assert.deepEqual(kinds(answers), ["answer", "failure", "answer"]);
    const [head, page] = engine.execute([
      { op: "head", args: {} },
      { op: "changesAfter", args: { n: 0, limit: 10 } },
    ]);
    assert.deepEqual(head, { kind: "answer", value: { epoch: "e", n: 3 } });
    assert.ok(page?.kind === "answer");
    assert.match(
      JSON.stringify(page.value),
      /"n":1,"item":\["entry","a".*"n":2,"item":\["entry","b".*"n":3,"item":\["entry","c"/,
    );
    assert.doesNotMatch(JSON.stringify(page.value), /f-1/);
    engine.close();
  });

  it("shows a read in a group what the writes before it did", () => {
    const engine = newEngine();
    const [, found, missing] = engine.execute([
      create(row("a")),
      { op: "findEntry", args: { id: "a" } },
      { op: "findEntry", args: { id: "b" } },
    ]);
    assert.deepEqual(found, { kind: "answer", value: row("a") });
    assert.deepEqual(missing, { kind: "answer", value: null });
    engine.close();
  });

  it("answers a closed database with a coded failure, not an exception", () => {
    const engine = newEngine();
    engine.close();
    for (const request of [create(row("a")), { op: "head", args: {} } as const]) {
      const [answer] = engine.execute([request]);
      assert.equal(answer?.kind === "failure" && answer.failure.code, "ERR_STORE_UNAVAILABLE");
    }
  });
});
