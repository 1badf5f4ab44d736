/**
 * `countersign …` whose server has no sync service, as SPIRE's has none: calls of it are answered Unimplemented, and
 * agents must poll. A program of its own, so that the product has no such switch.
 */
import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";

// As the real launcher does: without it, starting takes seconds longer.
enableCompileCache(fileURLToPath(new URL("../../node_modules/.cache/countersign", import.meta.url)));
const { main } = await import("../../cli/main.ts");
const { RpcRouter } = await import("../../transport/index.ts");

const bidi: unknown = Reflect.get(RpcRouter.prototype, "bidi");
if (typeof bidi !== "function") throw new TypeError("the router has no bidi()");
Reflect.set(RpcRouter.prototype, "bidi", function withoutSync(this: unknown, ...args: readonly unknown[]): unknown {
  return isOfSync(args[0]) ? this : Reflect.apply(bidi, this, args);
});
await main(process.argv.slice(2));

function isOfSync(definition: unknown): boolean {
  if (typeof definition !== "object" || definition === null || !("path" in definition)) return false;
  return String(definition.path).startsWith("/countersign.server.sync.v1.Sync/");
}
