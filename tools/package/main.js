// npm run package: builds @countersign/workload into dist/workload (or the folder that is given).
import { requireNode24 } from "../node-version.js";

requireNode24("npm run package");
const { buildPackage } = await import("./build.js");
const folder = process.argv[2] ?? "dist/workload";
const { name, version } = await buildPackage(folder);
process.stdout.write(`${name} ${version} is in ${folder}; publish it with: npm publish ${folder}\n`);
