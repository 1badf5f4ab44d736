import type { ErrorSpec } from "../../transport/errors/service-error.ts";

/** Of key managers. */
export const keysErrors = {
  ERR_KEY_ID_INVALID: {
    status: "internal",
    meaning: "A key was asked for under a name that no key manager accepts.",
    fix: "report it: key names are chosen by the server itself",
  },
  ERR_KEY_NOT_FOUND: {
    status: "internal",
    meaning: "The key manager has no key of that name.",
    fix: "restart the server: it replaces an authority whose key is lost",
  },
  ERR_AUTHORITY_KEY_LOST: {
    status: "internal",
    meaning:
      "A warning in the log: the journal says that an authority is in use, and its private key is not in the key manager, or another is. The server makes a new authority at once; what the old one signed stays valid until it expires. With keys in memory this is so at every start.",
    fix: "find out where the key went: if somebody may have taken it, taint and revoke that authority; agents that were not connected need the new bundle",
  },
  ERR_KEY_CORRUPT: {
    status: "internal",
    meaning:
      "A stored private key cannot be read back, or its halves do not belong together. It is never replaced silently.",
    fix: "restore the key file from a backup, or delete it: the server then makes a new authority",
  },
  ERR_KEY_STORAGE: {
    status: "unavailable",
    meaning: "The place where keys are kept cannot be read or written.",
    fix: "check owner, permissions and free space of the keys directory",
  },
  ERR_AUTHORITY_KEY_UNSUPPORTED: {
    status: "internal",
    meaning: "A key manager made a key of a type no authority signs with.",
    fix: "use ec-p256, ec-p384, rsa-2048 or rsa-4096",
  },
} as const satisfies Readonly<Record<string, ErrorSpec>>;
