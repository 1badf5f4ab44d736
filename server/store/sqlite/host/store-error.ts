import type { ServiceError } from "../../../../transport/errors/service-error.ts";
import { serverErrors } from "../../../errors.ts";
import type { StoreFailure } from "../protocol.ts";

export function storeError(failure: StoreFailure, cause?: unknown): ServiceError {
  return serverErrors.error(failure.code, failure.message, cause === undefined ? {} : { cause });
}

export function unavailable(message: string, cause?: unknown): ServiceError {
  return storeError({ code: "ERR_STORE_UNAVAILABLE", message }, cause);
}
