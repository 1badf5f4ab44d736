// npm test: every suite that needs nothing but Node, npm and Linux. FULL=1 (CI): everything, and leaving anything out
// is a failure. Each suite has a time budget; nothing may outlive the run.
import { requireNode24 } from "../node-version.js";

requireNode24("npm test");
const { run } = await import("./run.js");
process.exitCode = await run({ full: process.env.FULL === "1", only: process.argv.slice(2) });
