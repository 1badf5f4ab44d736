import type { Registry } from "../../registry/ports.ts";
import { unaryRpc } from "../rpc.ts";

export interface CountBundlesNeeds {
  readonly registry: Pick<Registry, "bundleCount">;
}

/** The own one is counted too. */
export const countBundles = unaryRpc<CountBundlesNeeds, void, number>({
  method: "/spire.api.server.bundle.v1.Bundle/CountBundles",
  callers: ["local", "admin"],
  audit: { kind: "read" },
  handle: async ({ registry }) => registry.bundleCount,
});
