import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { SpiffeId, X509Svid } from "../../spiffe/index.ts";
import { FakeWorkloadApi } from "../fakes/fake-workload-api.ts";
import { TestAuthority } from "../fakes/test-authority.ts";

export const repository = fileURLToPath(new URL("../../", import.meta.url));
export const consumers = join(repository, "test/package/consumer");

/** The tarball that `npm publish` would send. */
export function packWorkload(work: string): string {
  const built = join(work, "workload");
  execFileSync(process.execPath, [join(repository, "tools/package/main.js"), built], { stdio: "pipe" });
  const target = join(work, "tarball");
  mkdirSync(target);
  execFileSync("npm", ["pack", "--pack-destination", target], { cwd: built, stdio: "pipe" });
  const [tarball] = readdirSync(target);
  assert.ok(tarball);
  return join(target, tarball);
}

/** npm without its scripts and its talk; of our environment nothing that says how our own Node or npm runs. */
export function npmInstall(folder: string, packages: readonly string[]): void {
  const quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--save-exact"];
  execFileSync("npm", ["install", ...quiet, ...packages], { cwd: folder, stdio: "pipe" });
}

/** An empty project with the package installed from its tarball. */
export function newProject(folder: string, tarball: string, packages: readonly string[] = []): string {
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), '{"name":"consumer","private":true,"type":"module"}');
  npmInstall(folder, [tarball, ...packages]);
  return folder;
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program of a user, who allows no code that is made at run time. */
export async function runConsumer(
  node: string,
  folder: string,
  program: string,
  env: Readonly<Record<string, string>>,
): Promise<Outcome> {
  const { NODE_OPTIONS: _options, NODE_TEST_CONTEXT: _context, NODE_COMPILE_CACHE: _cache, ...ours } = process.env;
  const options = ["--disallow-code-generation-from-strings", "--trace-warnings", program];
  const child = spawn(node, options, { cwd: folder, env: { ...ours, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const code = new Promise<number | null>((resolve) => child.on("close", resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, stdout, stderr };
}

/** The Workload APIs of two workloads of one.test, `/web` and `/db`. */
export class TwoWorkloads implements AsyncDisposable {
  readonly #apis: readonly FakeWorkloadApi[];
  readonly env: Readonly<Record<string, string>>;

  private constructor(web: FakeWorkloadApi, db: FakeWorkloadApi) {
    this.#apis = [web, db];
    this.env = { WEB_SOCKET: web.endpoint, DB_SOCKET: db.endpoint };
  }

  static async start(): Promise<TwoWorkloads> {
    const now = Date.now();
    const lifetime = { notBeforeMs: now - 10_000, notAfterMs: now + 3_600_000 };
    const web = SpiffeId.parse("spiffe://one.test/web");
    const authority = new TestAuthority(web.trustDomain, lifetime);
    const [webApi, dbApi] = [await FakeWorkloadApi.start(), await FakeWorkloadApi.start()];
    for (const [api, id] of [
      [webApi, web],
      [dbApi, SpiffeId.parse("spiffe://one.test/db")],
    ] as const) {
      const { chainDer, keyDer } = authority.x509Svid(id, lifetime);
      api.update({
        svids: [X509Svid.parse({ chainDer, keyDer, hint: "" })],
        bundles: [authority.bundle({ jwt: false })],
      });
      api.updateBundles([authority.bundle()]);
      const token = (audience: readonly string[]): string =>
        authority.jwtSvid(id, audience, Math.floor(now / 1000) - 5, Math.floor(now / 1000) + 3_600);
      api.mint = (audience) => [{ id, token: token(audience), hint: "", audience, claims: {} }];
    }
    return new TwoWorkloads(webApi, dbApi);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const api of this.#apis) await api[Symbol.asyncDispose]();
  }
}
