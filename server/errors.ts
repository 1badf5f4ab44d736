import { defineErrors } from "../transport/errors/service-error.ts";
import { agentsErrors } from "./errors/agents.ts";
import { authoritiesErrors } from "./errors/authorities.ts";
import { bundlesErrors } from "./errors/bundles.ts";
import { callersErrors } from "./errors/callers.ts";
import { federationErrors } from "./errors/federation.ts";
import { issuanceErrors } from "./errors/issuance.ts";
import { keysErrors } from "./errors/keys.ts";
import { storeErrors } from "./errors/store.ts";
import { syncErrors } from "./errors/sync.ts";

/** Every code the server answers with beside `commonErrors`; docs/errors.md is checked against this table. */
export const serverErrors = defineErrors({
  ...keysErrors,
  ...authoritiesErrors,
  ...issuanceErrors,
  ...storeErrors,
  ...callersErrors,
  ...agentsErrors,
  ...bundlesErrors,
  ...federationErrors,
  ...syncErrors,
});
