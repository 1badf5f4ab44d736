// npm run demo
import { requireNode24 } from "../tools/node-version.js";

requireNode24("npm run demo");
const { runDemo } = await import("./run.ts");
process.exitCode = await runDemo();
