import { inspect } from "node:util";

const warned = new WeakSet<object>();

/**
 * Calls what the user gave to be told of something. What it throws, or rejects with, changes nothing: neither the
 * connection or the request it was told of nor the process. It becomes a process warning with the code
 * `COUNTERSIGN_HOOK_FAILED` (`process.on("warning")`; Node prints it), once per hook, since a stranger may be able to
 * have it called without end.
 */
export function callHook<Argument>(
  name: string,
  hook: ((argument: Argument) => unknown) | undefined,
  argument: Argument,
): void {
  if (hook === undefined) return;
  try {
    const result = hook(argument);
    // Of an async function, or of another library's kind.
    if (result !== undefined) Promise.resolve(result).catch((error: unknown) => warn(name, hook, error));
  } catch (error) {
    warn(name, hook, error);
  }
}

function warn(name: string, hook: object, error: unknown): void {
  if (warned.has(hook)) return;
  warned.add(hook);
  const detail = error instanceof Error ? (error.stack ?? error.message) : inspect(error);
  process.emitWarning(`${name} failed, which is not told again: ${detail}`, { code: "COUNTERSIGN_HOOK_FAILED" });
}
