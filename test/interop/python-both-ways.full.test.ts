// needs: python; budget: 300
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe } from "node:test";
import { fileURLToPath } from "node:url";
import { speaksBothWays } from "./both-ways.ts";
import { cachedBy } from "./cache.ts";

describe("our SDK and the packages spiffe and spiffe-tls for Python", () => {
  speaksBothWays({
    build: () => {
      const requirements = fileURLToPath(new URL("python/requirements.txt", import.meta.url));
      const folder = cachedBy(requirements, "python", (empty) => {
        execFileSync("python3", ["-m", "venv", join(empty, "venv")]);
        const pip = [join(empty, "venv", "bin", "python"), "-m", "pip", "install", "--quiet", "--no-deps"] as const;
        execFileSync(pip[0], [...pip.slice(1), "--disable-pip-version-check", "-r", requirements]);
      });
      const program = fileURLToPath(new URL("python/workload.py", import.meta.url));
      return { command: join(folder, "venv", "bin", "python"), args: [program] };
    },
    // No bytecode in the tree.
    environment: { PYTHONDONTWRITEBYTECODE: "1" },
    denied: /PERMISSION_DENIED|no identity issued/,
    waitsForEntry: false,
    confusesTrustDomains: true,
  });
});
