export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Structured log. Field names are snake_case. Never pass key material, tokens or a workload's own text;
 * wrap a secret in `Secret` where it must travel.
 */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): Logger;
}

export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
};

/**
 * The fields of a log line about `error`: its code when it has one, its message, its causes' messages. A cause whose
 * text ends the message before it is not said twice.
 */
export function errorFields(error: unknown): LogFields {
  const causes: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < 8 && current instanceof Error; depth += 1) {
    const last = causes.at(-1);
    if (last !== current.message && last?.endsWith(`: ${current.message}`) !== true) causes.push(current.message);
    current = current.cause;
  }
  if (causes.length === 0) causes.push(String(error));
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  return { error: causes.join(": "), ...(code === undefined ? {} : { error_code: code }) };
}
