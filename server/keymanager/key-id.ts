import { serverErrors } from "../errors.ts";

/** Key ids become file names and labels in foreign key stores, so their alphabet is small and their length bounded. */
const keyIdPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** @throws ERR_KEY_ID_INVALID */
export function checkKeyId(keyId: string): void {
  if (!keyIdPattern.test(keyId)) {
    throw serverErrors.error(
      "ERR_KEY_ID_INVALID",
      "a key id is 1 to 128 of A-Z a-z 0-9 . _ - and starts with a letter or digit",
    );
  }
}
