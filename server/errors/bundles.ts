import type { ErrorSpec } from "../../transport/errors/service-error.ts";

/** Of bundles of trust domains. */
export const bundlesErrors = {
  ERR_BUNDLE_NOT_FOUND: {
    status: "notFound",
    meaning: "There is no bundle of that trust domain.",
    fix: "list the bundles",
  },
  ERR_BUNDLE_EXISTS: {
    status: "alreadyExists",
    meaning: "There is a bundle of that trust domain already; the answer carries it.",
    fix: "set the bundle instead, which replaces it",
  },
  ERR_BUNDLE_IN_USE: {
    status: "failedPrecondition",
    meaning: "Entries federate with the trust domain whose bundle would be deleted.",
    fix: "change those entries first, or use --mode dissociate (entries stay, no longer federated) or --mode delete (entries go too)",
  },
  ERR_BUNDLE_FULL: {
    status: "resourceExhausted",
    meaning: "The bundle would have more authorities of a kind, or more bytes of them, than it may (docs/limits.md).",
    fix: "append fewer, wait until old keys have expired, look for a server below that makes keys far too often",
  },
  ERR_OWN_TRUST_DOMAIN: {
    status: "invalidArgument",
    meaning: "A federated bundle or a relationship of the server's own trust domain was asked for: there is none.",
    fix: "get the server's own bundle with GetBundle (bundle show), add to it with AppendBundle",
  },
} as const satisfies Readonly<Record<string, ErrorSpec>>;
