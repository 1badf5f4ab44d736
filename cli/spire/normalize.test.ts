import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Command } from "commander";
import fc from "fast-check";
import { spireFlags } from "../../test/fixtures/spire-flags.ts";
import { createProgram } from "../run-cli.ts";
import { normalizeArgs } from "./normalize.ts";

const context = { terminal: { out() {}, err() {}, colors: false }, environment: {}, uid: 0, readStdin: async () => "" };
const program = createProgram(context, () => {});

function ours(line: string | readonly string[], environment: Record<string, string> = {}): readonly string[] {
  return normalizeArgs(typeof line === "string" ? line.split(" ") : line, program, { environment });
}

function find(name: string): Command | undefined {
  return name
    .split(" ")
    .reduce<Command | undefined>((at, word) => at?.commands.find((child) => child.name() === word), program);
}

const templates = { SPIRE_SERVER_PRIVATE_SOCKET_TEMPLATE: "%i", SPIRE_AGENT_PUBLIC_SOCKET_TEMPLATE: "%i" };

/** Refused is a meaning too, when it says what to do. */
function longFlagsOf(args: readonly string[]): readonly string[] {
  try {
    return ours(args, templates).flatMap((arg) => /^--[^=]+/.exec(arg)?.[0] ?? []);
  } catch (error) {
    if (!(error instanceof Error) || !("hint" in error)) throw error;
    assert.match(String(error.hint), /\S/);
    return [];
  }
}

describe("a command line in SPIRE's spelling", () => {
  const id = "spiffe://example.org/x";
  for (const [spire, expected] of [
    [
      `entry create -parentID ${id} -spiffeID=${id} -selector unix:uid:1 -selector unix:gid:2 -x509SVIDTTL 60`,
      `entry create --parent-id=${id} --spiffe-id=${id} --selector=unix:uid:1 --selector=unix:gid:2 --x509-ttl=60`,
    ],
    [
      "entry create -node -admin=true -downstream=false -jwtSVIDTTL=5 -dns a.b -federatesWith spiffe://o.test",
      "entry create --node --admin --jwt-ttl=5 --dns=a.b --federates-with=spiffe://o.test",
    ],
    ["entry create -storeSVID -entryExpiry 4 -hint h", "entry create --store-svid --expires-at=4 --hint=h"],
    [
      "entry create -disableX509SVIDPrefetch -jwtSVIDIncludeJTI",
      "entry create --disable-x509-prefetch --jwt-include-jti",
    ],
    ["entry create -data entries.json", "entry create --file=entries.json"],
    ["entry create --data -", "entry create --file=-"],
    ["entry show -entryID abc -output json", "entry show --entry-id=abc --output=json"],
    ["entry show -matchSelectorsOn any", "entry show --match-selectors-on=any"],
    ["entry update -entryID abc -admin=false", "entry update abc --replace --no-admin"],
    ["entry delete -entryID abc", "entry delete abc"],
    ["entry delete -file ids.json", "entry delete --file=ids.json"],
    [`agent show -spiffeID ${id} -socketPath /s`, `agent show ${id} --socket=/s`],
    ["agent list -banned true -canReattest=false", "agent list --banned=true --can-reattest=false"],
    ["agent purge -expiredFor 720h -dryRun", "agent purge --expired-for=720h --dry-run"],
    [`token generate -spiffeID ${id} -ttl 600`, `token generate --spiffe-id=${id} --ttl=600`],
    ["api fetch -socketPath /s -write /d", "api fetch x509 --socket=/s --write=/d"],
    ["api fetch", "api fetch x509"],
    ["api fetch --help", "api fetch --help"],
    ["api fetch jwt -audience a,b -timeout 5s", "api fetch jwt --audience=a --audience=b --timeout=5s"],
    ["server healthcheck -shallow -verbose", "server healthcheck"],
    ["server run -serverPort 9 -bindAddress ::1 -logLevel DEBUG", "server run --log-level=debug --bind=[::1]:9"],
    ["server run -serverPort 9", "server run --bind=0.0.0.0:9"],
    [
      "agent run -serverAddress h -trustBundle b -insecureBootstrap",
      "agent run --bundle=b --insecure-bootstrap --server=h:8081",
    ],
    ["entry show -help", "entry show --help"],
    ["entry show -h", "entry show -h"],
    ["entry show -spifeID x", "entry show --spifeID x"],
    ["entry create -hint --admin", "entry create --hint=--admin"],
    ["entry create --hint --admin", "entry create --hint --admin"],
    ["entry delete -- -odd", "entry delete -- -odd"],
  ] as const) {
    it(spire, () => {
      assert.deepEqual(ours(spire), expected.split(" "));
    });
  }

  it("names the socket of an instance by SPIRE's templates", () => {
    const environment = {
      SPIRE_SERVER_PRIVATE_SOCKET_TEMPLATE: "/s/%i/api",
      SPIRE_AGENT_PUBLIC_SOCKET_TEMPLATE: "/a/%i",
    };
    assert.deepEqual(ours("entry show -instance one", environment), ["entry", "show", "--socket=/s/one/api"]);
    assert.deepEqual(ours("api watch -instance one", environment), ["api", "watch", "--socket=/a/one"]);
    assert.throws(() => ours("entry show -instance one"), { code: "ERR_USAGE" });
    assert.throws(() => ours("entry show -instance one", { SPIRE_SERVER_PRIVATE_SOCKET_TEMPLATE: "/s" }), {
      code: "ERR_USAGE",
    });
  });

  it("says what to do in place of what there is not", () => {
    assert.throws(() => ours("server run -logFile x"), { code: "ERR_USAGE", hint: /standard error/ });
    assert.throws(() => ours("agent run -serverPort 8081"), { code: "ERR_USAGE", message: /-serverAddress/ });
    assert.throws(() => ours("entry create -admin=perhaps"), { code: "ERR_USAGE", message: /true or false/ });
    assert.throws(() => ours("entry create -hint"), { code: "ERR_USAGE", message: /argument missing/ });
  });

  it("has a meaning for every flag of SPIRE's programs on every command that is here", () => {
    const pairs = Object.entries(spireFlags).flatMap(([name, flags]) => {
      const command = find(name);
      return command === undefined
        ? []
        : flags.map((flag) => ({ command, args: [...name.split(" "), `-${flag}=true`] }));
    });
    for (const { command, args } of pairs) {
      const unknown = longFlagsOf(args).filter((flag) => !command.options.some(({ long }) => long === flag));
      assert.deepEqual(unknown, [], args.join(" "));
    }
    assert.ok(pairs.length > 100, `${pairs.length}`);
  });

  it("in our own spelling comes back as it was", () => {
    const words = fc.constantFrom(
      "--parent-id",
      "--hint",
      "--selector=a:b",
      "--admin",
      "-",
      "x",
      "a=b",
      "--output",
      "--wait",
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 8 }), (args) => {
        const line = ["entry", "create", ...args];
        assert.deepEqual(ours(line), line);
      }),
    );
  });
});
