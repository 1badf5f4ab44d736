// needs: rust; budget: 600
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe } from "node:test";
import { fileURLToPath } from "node:url";
import { speaksBothWays } from "./both-ways.ts";
import { cachedBy } from "./cache.ts";

describe("our SDK and the crates spiffe and spiffe-rustls", () => {
  speaksBothWays({
    build: () => {
      const cwd = fileURLToPath(new URL("rust", import.meta.url));
      const build = (target: string): void => {
        execFileSync("cargo", ["build", "--locked", "--quiet"], {
          cwd,
          env: { ...process.env, CARGO_TARGET_DIR: target },
        });
      };
      // The crates are compiled once for a lock file, the program itself whenever it changes.
      const target = cachedBy(join(cwd, "Cargo.lock"), "rust", build);
      build(target);
      return { command: join(target, "debug", "workload"), args: [] };
    },
    denied: /no identity issued|PermissionDenied/i,
    waitsForEntry: true,
  });
});
