import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import type { ConnectionAcceptedEvent, ConnectionRefusedEvent, Observer } from "../../sdk/index.ts";
import { FakeWorkloadApi } from "../../test/fakes/fake-workload-api.ts";
import { TestCa } from "../../test/fakes/test-ca.ts";

/** The program of docs/sdk-events.md under a heading, made to run here, and what it made. */
async function example(
  heading: string,
  modules: Readonly<Record<string, string>>,
): Promise<{ readonly observer: Observer }> {
  const page = readFileSync(new URL("../../docs/sdk-events.md", import.meta.url), "utf8");
  const code = /```ts\n(.*?)```/s.exec(page.slice(page.indexOf(`## ${heading}`)))?.[1] ?? "";
  const folder = mkdtempSync(join(tmpdir(), "events-"));
  try {
    const file = join(folder, "example.ts");
    const program = Object.entries(modules).reduce((text, [name, url]) => text.replace(`"${name}"`, `"${url}"`), code);
    writeFileSync(file, `${program}\nexport { observer, source };\n`);
    const made = await import(pathToFileURL(file).href);
    await made.source.close();
    return made;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("docs/sdk-events.md", () => {
  const workload = new URL("../../sdk/index.ts", import.meta.url).href;
  const accepted: ConnectionAcceptedEvent = {
    name: "connection.accepted",
    side: "client",
    peer: "spiffe://one.test/db",
    address: "db:443",
    durationMs: 7,
  };
  const refused: ConnectionRefusedEvent = {
    name: "connection.refused",
    side: "server",
    address: "::1",
    reason: "no-certificate",
    error: undefined,
    durationMs: undefined,
  };

  async function withApi<Value>(run: () => Promise<Value>): Promise<Value> {
    await using api = await FakeWorkloadApi.start();
    const ca = await TestCa.create("one.test");
    api.update({ svids: [await ca.issue("/web")], bundles: [ca.bundle] });
    const { SPIFFE_ENDPOINT_SOCKET: before } = process.env;
    process.env["SPIFFE_ENDPOINT_SOCKET"] = api.endpoint;
    try {
      return await run();
    } finally {
      if (before === undefined) delete process.env["SPIFFE_ENDPOINT_SOCKET"];
      else process.env["SPIFFE_ENDPOINT_SOCKET"] = before;
    }
  }

  it("makes lines of pino", async () => {
    const lines: unknown[] = [];
    const log = {
      info: (...line: unknown[]) => lines.push(["info", ...line]),
      warn: (...line: unknown[]) => lines.push(["warn", ...line]),
    };
    Reflect.set(globalThis, "log of the example", log);
    const pino = `data:text/javascript,export const pino = () => globalThis["log of the example"]`;
    const made = await withApi(() =>
      example("pino", { "@countersign/workload": workload, pino: pino.replaceAll('"', "'") }),
    );
    Reflect.deleteProperty(globalThis, "log of the example");
    assert.deepEqual(
      lines.map((line) => [line].flat()[2]),
      ["source.state", "svid.updated"],
    );
    const error = new Error("no");
    made.observer({ ...refused, error });
    assert.deepEqual(lines.at(-1), ["warn", { ...refused, err: error, error: undefined }, "connection.refused"]);
  });

  it("makes metrics and spans of OpenTelemetry", async () => {
    const told: unknown[] = [];
    const meter = {
      createCounter: (name: string) => ({ add: (...values: unknown[]) => told.push([name, ...values]) }),
      createHistogram: (name: string) => ({ record: (...values: unknown[]) => told.push([name, ...values]) }),
    };
    const tracer = { startSpan: (...span: unknown[]) => ({ end: () => told.push(span) }) };
    Reflect.set(globalThis, "otel", { metrics: { getMeter: () => meter }, trace: { getTracer: () => tracer } });
    const otel = "data:text/javascript,export const { metrics, trace } = globalThis.otel";
    const modules = { "@countersign/workload": workload, "@opentelemetry/api": otel };
    const { observer } = await withApi(() => example("OpenTelemetry", modules));
    Reflect.deleteProperty(globalThis, "otel");
    observer(accepted);
    observer(refused);
    const attributes = { side: "client", outcome: "accepted" };
    assert.deepEqual(told[0], ["workload.connections", 1, attributes]);
    assert.deepEqual(told[1], ["workload.handshake", 7, attributes]);
    assert.equal([told[2]].flat()[0], "connection.accepted");
    assert.deepEqual(told[3], ["workload.connections", 1, { side: "server", outcome: "no-certificate" }]);
    assert.equal(told.length, 4);
  });
});
