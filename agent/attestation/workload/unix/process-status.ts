import { closeSync, openSync, readSync } from "node:fs";

/** What /proc/PID/status says of a process's effective user, group and supplementary groups. */
export interface ProcessCredentials {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/**
 * Reads /proc/PID/status into one buffer of its own. Synchronous on purpose: the whole read takes some 15 µs, a
 * promise of the fs module ten times that.
 */
export class ProcessStatus {
  readonly #procRoot: string;
  readonly #maxBytes: number;
  #buffer = Buffer.allocUnsafeSlow(16_384);

  constructor(procRoot: string, maxBytes: number) {
    this.#procRoot = procRoot;
    this.#maxBytes = maxBytes;
  }

  /**
   * The three lines that matter, as text: cheap to compare with what was read before.
   * @throws an errno error when the process is gone, RangeError when the file is not what the kernel writes
   */
  credentialLines(pid: number): string {
    const status = this.#read(`${this.#procRoot}/${pid}/status`);
    return `${lineAfter(status, "\nUid:\t")}\n${lineAfter(status, "\nGid:\t")}\n${lineAfter(status, "\nGroups:\t")}`;
  }

  /** /proc files have no size: read until the last line of interest is complete, or to the end. */
  #read(path: string): string {
    const fd = openSync(path, "r");
    try {
      let length = 0;
      for (;;) {
        if (length === this.#buffer.length) this.#grow();
        const read = readSync(fd, this.#buffer, length, this.#buffer.length - length, length);
        length += read;
        const text = this.#buffer.toString("latin1", 0, length);
        if (read === 0 || hasLastLine(text)) return text;
      }
    } finally {
      closeSync(fd);
    }
  }

  #grow(): void {
    if (this.#buffer.length >= this.#maxBytes) throw new RangeError(`larger than ${this.#maxBytes} bytes`);
    const larger = Buffer.allocUnsafeSlow(Math.min(this.#maxBytes, this.#buffer.length * 4));
    this.#buffer.copy(larger);
    this.#buffer = larger;
  }
}

/** @throws RangeError when the lines are not what the kernel writes. */
export function parseCredentialLines(lines: string): ProcessCredentials {
  const [uids = "", gids = "", groups = ""] = lines.split("\n");
  return {
    uid: effective(uids),
    gid: effective(gids),
    groups: groups
      .split(" ")
      .filter((part) => part !== "")
      .map(parseKernelId),
  };
}

function hasLastLine(text: string): boolean {
  const at = text.indexOf("\nGroups:\t");
  return at >= 0 && text.includes("\n", at + 1);
}

/** Fields are real, effective, saved, file system. */
function effective(line: string): number {
  const fields = line.split("\t");
  if (fields.length !== 4) throw new RangeError("unexpected ids in /proc/PID/status");
  return parseKernelId(fields[1] ?? "");
}

function parseKernelId(text: string): number {
  if (!/^[0-9]{1,10}$/.test(text)) throw new RangeError("unexpected id in /proc/PID/status");
  return Number(text);
}

/** The kernel escapes line feeds in the process name, so that a line cannot be forged. */
function lineAfter(text: string, label: string): string {
  const at = text.indexOf(label);
  if (at < 0) throw new RangeError(`no ${label.trim()} in /proc/PID/status`);
  const start = at + label.length;
  const end = text.indexOf("\n", start);
  if (end < 0) throw new RangeError(`unfinished line ${label.trim()} in /proc/PID/status`);
  return text.slice(start, end);
}
