import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { cli } from "../../test/fakes/cli.ts";
import { exitCodes } from "../exit-codes.ts";

/** What bash would offer for the last of these words. */
function offered(script: string, words: readonly string[]): readonly string[] {
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const line = `${script}\nCOMP_WORDS=(countersign ${quoted}); COMP_CWORD=${words.length}; _countersign; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync("bash", ["--norc", "-c", line], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout.split("\n").filter((word) => word !== "");
}

describe("countersign completion", () => {
  it("bash: offers commands, then flags of the command", async () => {
    const { code, out } = await cli(["completion", "bash"]);
    assert.equal(code, exitCodes.ok);
    assert.deepEqual(offered(out, ["tok"]), ["token"]);
    assert.deepEqual(offered(out, ["entry", "cre"]), ["create"]);
    assert.deepEqual(offered(out, ["agent", "logger", "g"]), ["get"]);
    assert.deepEqual(offered(out, ["entry", "create", "--hi"]), ["--hint"]);
    assert.deepEqual(offered(out, ["entry", "create", "--hint", "x", "--spiffe"]), ["--spiffe-id"]);
    assert.deepEqual(offered(out, ["nonsense", "a"]), []);
    assert.deepEqual(offered(out, ["bundle", "delete", "--mode", ""]), ["restrict", "delete", "dissociate"]);
    // Nothing: bash offers files itself.
    assert.deepEqual(offered(out, ["entry", "create", "--file", ""]), []);
  });

  it("zsh and fish: have every command; another shell is a usage error", async () => {
    const zsh = (await cli(["completion", "zsh"])).out;
    assert.match(zsh, /^#compdef countersign$/m);
    assert.match(zsh, /'entry create'\) case "\$last" in .*--parent-id.*\) choices=\('--parent-id:/);
    // zsh takes a name after a colon for a modifier: bash's form of this is an error there.
    assert.match(zsh, /for word in "\$\{\(@\)words\[2,CURRENT-1\]\}"/);
    assert.match(zsh, /funcstack\[1\].* == "_countersign" \]\]; then _countersign "\$@"/);
    const fish = (await cli(["completion", "fish"])).out;
    assert.match(fish, /^complete -c countersign -n '_countersign_at '\\''entry create'\\''' -l hint -r -d '.+'$/m);
    assert.match(fish, /-l mode -x -a 'restrict delete dissociate' -d /);
    assert.match(fish, /-f -a token -d /);
    assert.equal((await cli(["completion", "tcsh"])).code, exitCodes.usage);
  });
});
