import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Writable } from "node:stream";
import { describe, it } from "node:test";
import koffi from "koffi";
import { errorFields, Secret } from "../core/index.ts";
import {
  createLogger,
  createMetrics,
  handleSignals,
  listenStatus,
  passedSockets,
  serviceNotifier,
  watchEventLoop,
} from "./index.ts";
import { unixAddress } from "./systemd.ts";

function memoryLog() {
  const lines: string[] = [];
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(String(chunk));
      done();
    },
  });
  return { lines, stream };
}

describe("createLogger()", () => {
  it("writes one JSON object a line, with fields, level and time", () => {
    const { lines, stream } = memoryLog();
    createLogger({ level: "info", destination: stream }).child({ part: "x" }).info({ n: 1 }, "done");
    const { time, ...rest } = JSON.parse(lines[0] ?? "");
    assert.deepEqual(rest, { level: "info", part: "x", n: 1, message: "done" });
    assert.match(time, /^\d{4}-\d\d-\d\dT.*Z$/);
  });

  it("changes the level of children too", () => {
    const { lines, stream } = memoryLog();
    const logger = createLogger({ level: "warn", destination: stream });
    const child = logger.child({});
    child.info({}, "hidden");
    logger.setLevel("debug");
    child.debug({}, "seen");
    assert.equal(lines.length, 1);
  });

  it("never shows a secret", () => {
    const { lines, stream } = memoryLog();
    createLogger({ level: "info", destination: stream }).info({ token: new Secret("hunter2") }, "x");
    assert.doesNotMatch(lines.join(""), /hunter2/);
    assert.match(lines.join(""), /\[redacted\]/);
  });

  it("logs an error with its code and causes", () => {
    const { lines, stream } = memoryLog();
    const error = new Error("outer", { cause: new Error("inner") });
    createLogger({ level: "info", destination: stream }).error(errorFields(error), "failed");
    assert.match(lines[0] ?? "", /"error":"outer: inner"/);
  });
});

describe("createMetrics()", () => {
  it("exposes what was declared, gauges as of the scrape", async () => {
    const metrics = await createMetrics();
    const counter = metrics.counter({ name: "a_total", help: "A.", labels: ["code"] });
    const gauge = metrics.gauge({ name: "b", help: "B." });
    metrics.histogram({ name: "c_seconds", help: "C.", buckets: [1, 2] }).observe(1.5);
    metrics.onScrape(() => gauge.set(7));
    counter.add(2, "OK");
    const text = await metrics.text();
    assert.match(text, /^a_total\{code="OK"\} 2$/m);
    assert.match(text, /^b 7$/m);
    assert.match(text, /^c_seconds_bucket\{le="2"\} 1$/m);
  });

  it("keeps two registries apart", async () => {
    (await createMetrics()).counter({ name: "same_total", help: "S." });
    assert.match(await (await createMetrics()).text(), /^\s*$/);
  });
});

describe("listenStatus()", () => {
  const options = {
    host: "127.0.0.1",
    port: 0,
    livePath: "/live",
    readyPath: "/ready",
    metricsPath: "/metrics",
    live: async () => ({ healthy: true, parts: { server: "ok" } }),
    ready: async () => ({ healthy: false, parts: { store: "unavailable" } }),
    metrics: async () => ({ contentType: "text/plain", text: "m 1\n" }),
  };

  it("answers 200 when healthy, 500 when not, 404 and 405 otherwise", async () => {
    await using listener = await listenStatus(options);
    const base = `http://127.0.0.1:${listener.port}`;
    const statuses = await Promise.all([
      fetch(`${base}/live?verbose`),
      fetch(`${base}/ready`),
      fetch(`${base}/metrics`),
      fetch(`${base}/other`),
      fetch(`${base}/live`, { method: "POST", body: "x" }),
    ]);
    assert.deepEqual(
      statuses.map((response) => response.status),
      [200, 500, 200, 404, 405],
    );
    assert.deepEqual(await statuses[1]?.json(), { store: "unavailable" });
  });

  it("answers 500 when a probe itself fails", async () => {
    await using listener = await listenStatus({ ...options, live: () => Promise.reject(new Error("no answer")) });
    const response = await fetch(`http://127.0.0.1:${listener.port}/live`);
    assert.deepEqual([response.status, await response.json()], [500, { status: "no answer" }]);
  });
});

describe("serviceNotifier()", () => {
  it("says nothing when nobody asked", () => {
    serviceNotifier({}, 1, () => assert.fail("sent")).ready();
  });

  it("speaks the protocol", () => {
    const sent: string[] = [];
    const env = { NOTIFY_SOCKET: "/run/n", WATCHDOG_USEC: "2000000", WATCHDOG_PID: "42" };
    const notifier = serviceNotifier(env, 42, (path, message) => sent.push(`${path} ${message}`));
    notifier.ready();
    notifier.reloading(1.5);
    notifier.status("a\nb");
    notifier.stopping();
    assert.deepEqual(sent, [
      "/run/n READY=1",
      "/run/n RELOADING=1\nMONOTONIC_USEC=1500",
      "/run/n STATUS=a b",
      "/run/n STOPPING=1",
    ]);
    assert.equal(notifier.watchdogMs, 2000);
    assert.equal(serviceNotifier(env, 43, () => {}).watchdogMs, undefined);
  });

  it("builds path and abstract addresses", () => {
    assert.deepEqual([...unixAddress("/n").subarray(2)], [0x2f, 0x6e, 0]);
    assert.deepEqual([...unixAddress("@n").subarray(2)], [0, 0x6e]);
    assert.throws(() => unixAddress("/".repeat(108)), RangeError);
  });

  it("sends a datagram for real", () => {
    const libc = koffi.load(null);
    const fd: number = libc.func("int socket(int, int, int)")(1, 2, 0);
    const name = `@countersign-test-${process.pid}`;
    const address = unixAddress(name);
    assert.equal(libc.func("int bind(int, const void *, uint32_t)")(fd, address, address.length), 0);
    serviceNotifier({ NOTIFY_SOCKET: name }, process.pid).ready();
    const buffer = Buffer.alloc(64);
    const length: number = libc.func("long recv(int, void *, size_t, int)")(fd, buffer, buffer.length, 0x40);
    libc.func("int close(int)")(fd);
    assert.equal(buffer.subarray(0, Number(length)).toString(), "READY=1");
  });
});

describe("passedSockets()", () => {
  it("takes sockets meant for this process only", () => {
    const env = { LISTEN_PID: "7", LISTEN_FDS: "2", LISTEN_FDNAMES: "api:tcp" };
    assert.deepEqual(passedSockets(env, 7), [
      { fd: 3, name: "api" },
      { fd: 4, name: "tcp" },
    ]);
    assert.deepEqual(passedSockets(env, 8), []);
    assert.deepEqual(passedSockets({ ...env, LISTEN_FDS: "-1" }, 7), []);
  });
});

describe("handleSignals()", () => {
  it("hears SIGHUP and SIGTERM once each, and stops hearing when removed", async () => {
    const heard: string[] = [];
    const remove = handleSignals({ stop: (signal) => heard.push(signal), reload: () => heard.push("reload") });
    process.kill(process.pid, "SIGHUP");
    await once(process, "SIGHUP");
    process.kill(process.pid, "SIGTERM");
    await once(process, "SIGTERM");
    remove();
    assert.deepEqual(heard, ["reload", "SIGTERM"]);
    assert.equal(process.listenerCount("SIGHUP"), 0);
  });

  it("ends the process at a second signal", async () => {
    const script = `
      import { handleSignals } from ${JSON.stringify(new URL("signals.ts", import.meta.url).href)};
      setInterval(() => {}, 1000);
      handleSignals({ stop: () => process.stdout.write("stopping\\n"), reload: () => {} });
      process.stdout.write("up\\n");
    `;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    child.kill("SIGTERM");
    await once(child.stdout, "data");
    child.kill("SIGTERM");
    const [code] = await once(child, "exit");
    assert.equal(code, 143);
  });
});

describe("watchEventLoop()", () => {
  it("sees a stall", async () => {
    const monitor = watchEventLoop();
    await new Promise((resolve) => setTimeout(resolve, 30));
    const until = performance.now() + 60;
    while (performance.now() < until);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.ok(monitor.takeLongestMs() > 20);
    monitor.close();
  });
});
