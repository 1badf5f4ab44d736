// needs: java; budget: 240
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe } from "node:test";
import { fileURLToPath } from "node:url";
import { speaksBothWays } from "./both-ways.ts";
import { cachedBy } from "./cache.ts";

describe("our SDK and java-spiffe", () => {
  speaksBothWays({
    build: ({ folder }) => {
      const pom = fileURLToPath(new URL("java/pom.xml", import.meta.url));
      const jars = cachedBy(pom, "java", (empty) => {
        const goal = ["--batch-mode", "--quiet", "-f", pom, "dependency:copy-dependencies"];
        execFileSync("mvn", [...goal, `-DoutputDirectory=${empty}`], { stdio: ["ignore", "ignore", "inherit"] });
      });
      const classes = join(folder, "classes");
      const source = fileURLToPath(new URL("java/Workload.java", import.meta.url));
      execFileSync("javac", ["-cp", join(jars, "*"), "-d", classes, source]);
      return { command: "java", args: ["-cp", `${classes}:${join(jars, "*")}`, "Workload"] };
    },
    denied: /PERMISSION_DENIED.*no identity issued/,
    waitsForEntry: true,
  });
});
