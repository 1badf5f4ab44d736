/** All that grpc-js keeps of an error is its text: the code goes in front. */
export function described(error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? `${error.code}: ` : "";
  return new Error(`${code}${message}`, { cause: error });
}
