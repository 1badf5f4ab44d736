import { closeSync, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";
import type { Clock } from "../../../../runtime/core/index.ts";
import { workloadAttestationErrors } from "../errors.ts";
import { parseAccountFile } from "./account-file.ts";
import { errnoOf } from "./errno.ts";

const checkEveryMs = 250;

/**
 * Names of ids from one account file, read again when the file changed; a change is seen after 250 ms at the latest.
 * A file that is not there has no names. Directory services (NSS) are not asked: a name that any LDAP server can
 * hand out is no fact of this host.
 */
export class AccountNames {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #clock: Clock;
  #names: ReadonlyMap<number, string> = new Map();
  #stamp = "";
  #checkedAt = Number.NEGATIVE_INFINITY;
  #version = 0;

  constructor(path: string, maxBytes: number, clock: Clock) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#clock = clock;
  }

  /** Grows whenever names may have changed. @throws ServiceError ERR_ATTESTATION_FAILED when the file cannot be read. */
  refresh(): number {
    const now = this.#clock.monotonic();
    if (now - this.#checkedAt < checkEveryMs) return this.#version;
    const stamp = this.#currentStamp();
    if (stamp !== this.#stamp) this.#load(stamp);
    this.#checkedAt = now;
    return this.#version;
  }

  /** As of the last `refresh`. */
  nameOf(id: number): string | undefined {
    return this.#names.get(id);
  }

  #currentStamp(): string {
    try {
      return stampOf(statSync(this.#path));
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return "absent";
      throw unreadable(this.#path, error);
    }
  }

  #load(stamp: string): void {
    this.#names = stamp === "absent" ? new Map() : parseAccountFile(this.#read());
    this.#stamp = stamp;
    this.#version += 1;
  }

  #read(): string {
    try {
      const fd = openSync(this.#path, "r");
      try {
        return readBounded(fd, this.#maxBytes);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      throw unreadable(this.#path, error);
    }
  }
}

function readBounded(fd: number, maxBytes: number): string {
  const size = fstatSync(fd).size;
  if (size > maxBytes) throw new RangeError(`larger than ${maxBytes} bytes`);
  const content = Buffer.alloc(size);
  let length = 0;
  while (length < size) {
    const read = readSync(fd, content, length, size - length, length);
    if (read === 0) break;
    length += read;
  }
  return content.toString("utf8", 0, length);
}

function stampOf(stats: Stats): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeMs}:${stats.ctimeMs}`;
}

function unreadable(path: string, cause: unknown): Error {
  return workloadAttestationErrors.error("ERR_ATTESTATION_FAILED", `cannot read ${path}`, { cause });
}
