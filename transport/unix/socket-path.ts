import { chmodSync, lstatSync, mkdirSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";
import { transportErrors } from "../errors/transport.ts";
import { transportLimits } from "../limits.ts";

/**
 * Makes `path` free to listen on: makes its directory (with `directoryMode`) when missing, removes a socket nobody
 * listens on. Rejects `ERR_SOCKET_PATH_TOO_LONG`, `ERR_SOCKET_IN_USE`, `ERR_LISTEN_FAILED`.
 */
export async function claimSocketPath(path: string, directoryMode: number): Promise<void> {
  checkSocketPath(path);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: directoryMode });
  } catch (cause) {
    throw transportErrors.error("ERR_LISTEN_FAILED", `cannot make the directory of ${path}: ${reason(cause)}`, {
      cause,
    });
  }
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw transportErrors.error("ERR_SOCKET_IN_USE", `${path} exists and is not a socket`);
  if (await isAnswered(path)) throw transportErrors.error("ERR_SOCKET_IN_USE", `another process listens on ${path}`);
  unlinkSync(path);
}

/** Throws `ERR_SOCKET_PATH_TOO_LONG`; the kernel would cut the path silently. */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= transportLimits.socketPathBytes) return;
  const text = `socket path is ${bytes} bytes long, ${transportLimits.socketPathBytes} are possible: ${path}`;
  throw transportErrors.error("ERR_SOCKET_PATH_TOO_LONG", text);
}

/** Whether somebody accepts there. Only a refused connection proves that nobody does. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => resolve(!("code" in error) || error.code !== "ECONNREFUSED"));
  });
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/**
 * Where the directory has a default ACL, that decided instead of the umask. Whoever may write to the directory can put a
 * link in the socket's place, which chmod would follow: it is not called without need, nor on what is no socket.
 */
export function correctSocketMode(path: string, mode: number): void {
  const made = lstatSync(path);
  if (made.isSocket() && (made.mode & 0o777) !== mode) chmodSync(path, mode);
}
