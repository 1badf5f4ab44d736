/**
 * The answer to "may it, does it?" with its reasons, never a bare boolean: `code` is stable and documented, `facts`
 * are what it was decided on, for logs and admins (never for the caller of a refused request).
 */
export type Decision<Allow extends string, Deny extends string, Facts> =
  | { readonly allow: true; readonly code: Allow; readonly facts: Facts }
  | { readonly allow: false; readonly code: Deny; readonly facts: Facts };
