import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleDeclarations } from "./declarations.js";
import { entries } from "./entries.js";
import { bundleJavaScript } from "./javascript.js";
import { manifest } from "./manifest.js";

/** Makes the folder of `@countersign/workload` that `npm publish` and `npm pack` take. */
export async function buildPackage(target) {
  const folder = resolve(target);
  process.chdir(fileURLToPath(new URL("../../", import.meta.url)));
  rmSync(folder, { recursive: true, force: true });
  const lib = join(folder, "lib");
  mkdirSync(lib, { recursive: true });
  const published = manifest();
  const packages = [...Object.keys(published.dependencies), ...Object.keys(published.peerDependencies)];
  await bundleJavaScript({ entries, outDir: lib, packages });
  await bundleDeclarations({ entries, outDir: lib });
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(published, undefined, 2)}\n`);
  copyFileSync("sdk/README.md", join(folder, "README.md"));
  mkdirSync(join(folder, "testing"));
  copyFileSync("sdk/testing/README.md", join(folder, "testing/README.md"));
  for (const file of ["LICENSE", "CHANGELOG.md"]) copyFileSync(file, join(folder, file));
  return published;
}
