// needs: rust; budget: 600
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe } from "node:test";
import { fileURLToPath } from "node:url";
import { speaksBothWays } from "./both-ways.ts";
import { cacheFor } from "./cache.ts";

describe("our SDK and the crates spiffe and spiffe-rustls", () => {
  speaksBothWays({
    build: () => {
      const cwd = fileURLToPath(new URL("rust", import.meta.url));
      const target = cacheFor(join(cwd, "Cargo.lock"), "rust");
      const environment = { ...process.env, CARGO_TARGET_DIR: target, CARGO_INCREMENTAL: "0" };
      execFileSync("cargo", ["build", "--locked", "--quiet"], { cwd, env: environment });
      return { command: join(target, "debug", "workload"), args: [] };
    },
    denied: /no identity issued|PermissionDenied/i,
    waitsForEntry: true,
  });
});
