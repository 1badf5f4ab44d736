import type { ErrorSpec } from "../../transport/errors/service-error.ts";

/** Of federation relationships. */
export const federationErrors = {
  ERR_FEDERATION_EXISTS: {
    status: "alreadyExists",
    meaning: "There is a federation relationship with that trust domain already; the answer carries it.",
    fix: "update the relationship instead",
  },
  ERR_FEDERATION_NOT_FOUND: {
    status: "notFound",
    meaning: "There is no federation relationship with that trust domain; confirmed in the store.",
    fix: "list the relationships",
  },
  ERR_FEDERATION_NOT_FETCHED: {
    status: "unimplemented",
    meaning: "The relationship is kept, but this release does not fetch bundles from endpoints yet.",
    fix: "set the bundle by hand (bundle set); fetching comes with a later release",
  },
} as const satisfies Readonly<Record<string, ErrorSpec>>;
