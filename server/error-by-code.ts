import type { ServiceError } from "../transport/errors/service-error.ts";
import { serverErrors } from "./errors.ts";

type ServerErrorCode = keyof typeof serverErrors.specs;

function isServerErrorCode(code: string): code is ServerErrorCode {
  return Object.hasOwn(serverErrors.specs, code);
}

/** The error of an outcome that carries its code as data (issuance, entry rules). */
export function errorByCode(code: string, message: string): ServiceError {
  if (!isServerErrorCode(code)) throw new TypeError(`undeclared error code ${code}`);
  return serverErrors.error(code, message);
}
