import { mkdirSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, relative, resolve } from "node:path";
import { build } from "esbuild";

/**
 * Bundles the entry points (paths from the current folder, the repository's root) and all of our folders that they use into ES modules with source maps. What two entry points
 * share is in one chunk: a class exists once, whichever way it is imported.
 */
export async function bundleJavaScript({ entries, outDir, packages }) {
  const { metafile, outputFiles } = await build({
    entryPoints: Object.fromEntries(entries.map(({ name, source }) => [name, source])),
    outdir: outDir,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    packages: "external",
    sourcemap: true,
    chunkNames: "shared-[hash]",
    legalComments: "none",
    plugins: [noSideEffects],
    metafile: true,
    write: false,
    logLevel: "warning",
  });
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  checkImports(imports, packages);
  mkdirSync(outDir, { recursive: true });
  for (const { path, text } of outputFiles) writeFileSync(path, path.endsWith(".map") ? relocated(path, text) : text);
}

/** The sources, whose text is in the map, are named from the repository's root: where it was built is nobody's business. */
function relocated(path, text) {
  const map = JSON.parse(text);
  const sources = map.sources.map((source) => `countersign/${relative(".", resolve(dirname(path), source))}`);
  return JSON.stringify({ ...map, sources });
}

/** Our modules only declare things: what an entry point does not use is left out. */
const noSideEffects = {
  name: "no-side-effects",
  setup(bundling) {
    bundling.onResolve({ filter: /^\.{1,2}\// }, async ({ path, pluginData, ...from }) => {
      if (pluginData === "resolved") return undefined;
      const found = await bundling.resolve(path, { ...from, pluginData: "resolved" });
      return { ...found, sideEffects: false };
    });
  },
};

/** A package that is not declared would be missing at the user's, and a native one must not get in at all. */
function checkImports(imports, packages) {
  for (const { path } of imports.filter(({ external }) => external === true)) {
    if (path.startsWith("node:")) continue;
    const name = path.split("/", path.startsWith("@") ? 2 : 1).join("/");
    if (builtinModules.includes(name)) throw new Error(`${path} is imported without node: in front of it`);
    if (!packages.includes(name)) throw new Error(`the package would import ${path}, which its manifest does not name`);
  }
}
