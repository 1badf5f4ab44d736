import type { WorkloadView } from "../ports.ts";
import type { WorkloadApiConfig } from "./config.ts";

/**
 * WAPI-42, WAPI-61: bundles are for callers with an entry, servable or not, and for anybody where the operator says
 * so (then the view has no federated ones).
 */
export function mayHaveBundles(view: WorkloadView, config: WorkloadApiConfig): boolean {
  return config.allowUnauthenticatedVerifiers || view.identities.length > 0 || view.withheld.length > 0;
}
