import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { type LogFields, type Logger, systemClock, systemRandom } from "../../../runtime/core/index.ts";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { loadFilesConfig } from "../config/load.ts";
import { filesLimits } from "../limits.ts";
import { Command } from "./command.ts";
import { HttpCall } from "./http-call.ts";
import { PidFileSignal, parsePid } from "./pid-file.ts";
import { tellAll } from "./tell-all.ts";

const folder = mkdtempSync(join(tmpdir(), "tell-"));
after(() => rmSync(folder, { recursive: true }));

/** Lines, and a way to wait for one. */
function keptLog() {
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const line = (fields: LogFields, message: string): void => {
    lines.push(`${message} ${JSON.stringify(fields)}`);
    for (const wake of waiting) wake();
    waiting.clear();
  };
  const logger: Logger = { debug: line, info: line, warn: line, error: line, child: () => logger };
  const until = async (text: string, count = 1): Promise<void> => {
    while (lines.filter((one) => one.includes(text)).length < count)
      await new Promise<void>((resolve) => waiting.add(resolve));
  };
  return { lines, logger, until };
}

describe("a signal to the process of a pid file", () => {
  it("goes to the process that is named there now, and is tried again while none is", async () => {
    const [clock, log] = [new FakeClock(), keptLog()];
    const sent: unknown[] = [];
    const path = join(folder, "pid");
    const tell = new PidFileSignal({
      ...{ path, signal: "SIGHUP", ownPid: 1, clock, random: systemRandom, logger: log.logger },
      kill: (pid, signal) => void sent.push([pid, signal]),
    });
    tell.changed();
    await log.until("trying again");
    writeFileSync(path, "4711\n/var/lib/postgresql\n");
    await clock.advance(60_000);
    await log.until("told the process");
    writeFileSync(path, "4712");
    tell.changed();
    await log.until("told the process", 2);
    assert.deepEqual(sent, [
      [4711, "SIGHUP"],
      [4712, "SIGHUP"],
    ]);
    await tell.close();
  });

  it("is given up after some tries", async () => {
    const [clock, log] = [new FakeClock(), keptLog()];
    const path = join(folder, "group");
    writeFileSync(path, "-1\n");
    const kill = (): void => assert.fail("every process would have been signalled");
    const random = systemRandom;
    const tell = new PidFileSignal({ path, signal: "SIGHUP", ownPid: 1, clock, random, logger: log.logger, kill });
    tell.changed();
    for (let attempt = 1; attempt < filesLimits.tellAttempts.value; attempt += 1) {
      await log.until("no process id", attempt);
      await clock.advance(20_000);
    }
    await log.until("given up");
    await tell.close();
  });

  it("never goes to a group of processes, or to this one", () => {
    for (const text of ["", "0", "-1", "-4711", "1e3", "12 13", "0x10", "99999999999", "pid", " \n12"])
      assert.throws(() => parsePid(text), /no process id/, text);
    assert.equal(parsePid(" 12\r\n"), 12);
  });
});

describe("an HTTP call", () => {
  it("posts what changed, again until it succeeds, and then only what is new", async () => {
    const log = keptLog();
    const bodies: string[] = [];
    const answers = [503, 302, 204, 200];
    const server = createServer((request: IncomingMessage, response) => {
      let body = "";
      request.on("data", (chunk) => {
        body += chunk;
      });
      request.on("end", () => {
        bodies.push(`${request.method} ${request.url} ${body}`);
        response.writeHead(answers.shift() ?? 500, { location: "/elsewhere" }).end();
      });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    const clock = new FakeClock();
    const url = new URL(`http://127.0.0.1:${port}/reload`);
    const tell = new HttpCall({ url, timeoutMs: 5_000, clock, random: systemRandom, logger: log.logger });
    tell.changed(["svid.pem"]);
    for (const status of [503, 302]) {
      await log.until(`it answered ${status}`);
      await clock.advance(10_000);
    }
    await log.until("told the URL");
    tell.changed(["bundle.pem"]);
    await log.until("told the URL", 2);
    const first = 'POST /reload {"changed":["svid.pem"]}';
    assert.deepEqual(bodies, [first, first, first, 'POST /reload {"changed":["bundle.pem"]}']);
    await tell.close();
    server.close();
    server.closeAllConnections();
  });

  it("does not wait for an answer longer than it may", async () => {
    const log = keptLog();
    const server = createServer(() => {}).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const url = new URL(`http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/`);
    const tell = new HttpCall({ url, timeoutMs: 50, clock: systemClock, random: systemRandom, logger: log.logger });
    tell.changed(["svid.pem"]);
    await log.until("no answer within 50 ms");
    await tell.close();
    server.close();
    server.closeAllConnections();
  });
});

describe("a command", () => {
  it("is run when files change, signalled while it runs, run again when it has ended, and ended with the bridge", async () => {
    const log = keptLog();
    const out = join(folder, "out");
    const script = `trap 'echo told >> ${out}; exit 3' HUP; echo started >> ${out}; while :; do sleep 0.02; done`;
    const command = new Command({
      ...{ program: "/bin/sh", args: ["-c", script], renewSignal: "SIGHUP", environment: process.env },
      ...{ clock: systemClock, logger: log.logger },
    });
    const written = async (lines: number): Promise<void> => {
      for (;;) {
        const text = await readFile(out, "utf8").catch(() => "");
        if (text.split("\n").length > lines) return;
      }
    };
    command.changed();
    await written(1);
    command.changed();
    await log.until("the command has ended");
    assert.match(log.lines.join("\n"), /the command has ended .*"exit_code":3/);
    command.changed();
    await written(3);
    assert.equal(readFileSync(out, "utf8"), "started\ntold\nstarted\n");
    await command.close();
    assert.match(log.lines.at(-1) ?? "", /the command has ended .*"signal":"SIGTERM"/);
  });

  it("that our signal ends, since it does not handle it yet, is run again at once", async () => {
    const log = keptLog();
    const command = new Command({
      ...{ program: "/bin/sh", args: ["-c", "while :; do sleep 0.02; done"], renewSignal: "SIGHUP", environment: {} },
      ...{ clock: systemClock, logger: log.logger },
    });
    command.changed();
    command.changed();
    await log.until("started the command", 2);
    await command.close();
    assert.match(log.lines.at(-1) ?? "", /the command has ended .*"signal":"SIGTERM"/);
    assert.equal(log.lines.filter((line) => line.startsWith("started")).length, 2);
  });

  it("that cannot be run is said, and tried again at the next change", async () => {
    const log = keptLog();
    const command = new Command({
      ...{ program: join(folder, "nothing"), args: [], renewSignal: undefined, environment: {} },
      ...{ clock: systemClock, logger: log.logger },
    });
    command.changed();
    await log.until("cannot be run");
    command.changed();
    await log.until("cannot be run", 2);
    await command.close();
  });

  it("of another user, that cannot be signalled, is said each time and keeps nothing from ending", async () => {
    if (process.getuid?.() !== 0) return;
    const log = keptLog();
    const out = join(folder, "other");
    const script = `process.setuid(1); require("fs").writeFileSync(3, "up"); setInterval(() => {}, 1000)`;
    const command = new Command({
      ...{ program: "/bin/sh", args: ["-c", 'exec 3>"$0"; exec "$1" -e "$2"', out, process.execPath, script] },
      ...{ renewSignal: "SIGHUP", environment: process.env, clock: systemClock, logger: log.logger },
    });
    command.changed();
    while ((await readFile(out, "utf8").catch(() => "")) !== "up");
    const pid = Number(/"pid":(\d+)/.exec(log.lines.join())?.[1]);
    try {
      // Who is not root in effect may not signal it.
      process.seteuid?.(65_534);
      command.changed();
      command.changed();
      await command.close();
    } finally {
      process.seteuid?.(0);
      process.kill(pid, "SIGKILL");
    }
    const said = log.lines.join("\n");
    assert.equal(said.match(/cannot be signalled .*"error_code":"EPERM"/g)?.length, 3, said);
    assert.match(said, /it goes on/);
    assert.doesNotMatch(said, /told the command/);
  });
});

describe("all who are to be told", () => {
  it("learn of a change although one of them fails", async () => {
    const log = keptLog();
    const server = createServer((_request, response) => response.end()).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const notifyUrl = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/`;
    // Longer than an argument may be: `spawn` throws.
    const program = ["/bin/true", "x".repeat(4_000_000)];
    const config = await loadFilesConfig({ flags: { dir: folder, notifyUrl }, command: program, env: {} });
    const surroundings = { clock: systemClock, random: systemRandom, logger: log.logger, environment: {} };
    const tell = tellAll(config, { ...surroundings, pid: process.pid });
    tell.changed(["svid.pem"]);
    await log.until("told the URL");
    assert.match(log.lines.join("\n"), /one of those to be told failed .*E2BIG/);
    await tell.close();
    server.close();
    server.closeAllConnections();
  });
});
