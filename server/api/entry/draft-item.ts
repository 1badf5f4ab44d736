import type { ServiceError } from "../../../transport/errors/service-error.ts";
import type { EntryDraft } from "../../domain/entry-rules.ts";

/** One item of a batch as it came over the wire: a malformed one is refused by itself, the others go on. */
export type DraftItem =
  | { readonly kind: "draft"; readonly draft: EntryDraft }
  | { readonly kind: "malformed"; readonly id: string; readonly error: ServiceError };
