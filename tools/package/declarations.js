import { rollup } from "rollup";
import { dts } from "rollup-plugin-dts";

/** Bundles the declarations of the entry points; what two of them share is declared once, as in the JavaScript. */
export async function bundleDeclarations({ entries, outDir }) {
  const bundle = await rollup({
    input: Object.fromEntries(entries.map(({ name, source }) => [name, source])),
    external: (path) =>
      !path.startsWith(".") && !path.startsWith("/") && !entries.some(({ source }) => source === path),
    plugins: [dts({ tsconfig: "tsconfig.json" })],
    onwarn: (warning) => {
      throw new Error(`declarations: ${warning.message}`);
    },
  });
  await bundle.write({
    dir: outDir,
    format: "es",
    entryFileNames: "[name].d.ts",
    chunkFileNames: "shared-[hash].d.ts",
  });
  await bundle.close();
}
