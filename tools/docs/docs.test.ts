import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { defaultSocketPath } from "../../runtime/host/default-sockets.ts";
import { generatedPages } from "./pages.ts";

describe("the documentation", () => {
  for (const [path, content] of generatedPages()) {
    it(`${path} is what the code says (npm run docs)`, () => {
      assert.equal(readFileSync(path, "utf8"), content);
    });
  }

  it("has no link to a file that is not there", () => {
    const broken = globSync("{*.md,docs/**/*.md,*/README.md,server/*/README.md,agent/*/README.md}").flatMap((page) => {
      // What is code only looks like a link.
      const prose = readFileSync(page, "utf8").replace(/^```[\s\S]*?^```/gm, "");
      const links = prose.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g);
      return [...links].map(([, target]) => join(dirname(page), target ?? "")).filter((target) => !existsSync(target));
    });
    assert.deepEqual(broken, []);
  });

  it("names sockets below /run/countersign where they are", () => {
    const known = [defaultSocketPath("server", {}, 0), defaultSocketPath("agent", {}, 0)];
    const wrong = globSync("{*.md,docs/**/*.md,*/README.md}").flatMap((page) => {
      const named = readFileSync(page, "utf8").matchAll(/\/run\/countersign\/[\w./-]*\.sock/g);
      return [...named].filter(([path]) => !known.includes(path)).map(([path]) => `${page}: ${path}`);
    });
    assert.deepEqual(wrong, []);
  });

  it("lists every runtime dependency, and nothing else, in docs/dependencies.md", () => {
    const manifest: unknown = JSON.parse(readFileSync("package.json", "utf8"));
    const named = [...readFileSync("docs/dependencies.md", "utf8").matchAll(/^\| ((?:`[^`]+`(?:, )?)+) \|/gm)].flatMap(
      ([, names]) => [...(names ?? "").matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ""),
    );
    assert.deepEqual(named.sort(), [...dependencyNames(manifest)].sort());
  });
});

function dependencyNames(manifest: unknown): readonly string[] {
  if (typeof manifest !== "object" || manifest === null) return [];
  const groups = Object.entries(manifest).filter(([key]) => key === "dependencies" || key === "optionalDependencies");
  return groups.flatMap(([, group]) => (typeof group === "object" && group !== null ? Object.keys(group) : []));
}
