// needs: go; budget: 240
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe } from "node:test";
import { fileURLToPath } from "node:url";
import { speaksBothWays } from "./both-ways.ts";
import { httpsBothWays } from "./go-https.ts";

describe("our SDK and go-spiffe", () => {
  speaksBothWays({
    build: ({ folder }) => {
      const command = join(folder, "theirs");
      const cwd = fileURLToPath(new URL("go", import.meta.url));
      execFileSync("go", ["build", "-o", command, "."], { cwd, env: { ...process.env, CGO_ENABLED: "0" } });
      return { command, args: ["converse", "--timeout", "5m"] };
    },
    denied: /PermissionDenied.*no identity issued/,
    waitsForEntry: true,
    also: httpsBothWays,
  });
});
