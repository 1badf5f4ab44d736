import { spawn } from "node:child_process";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { cliErrorSpecs } from "../errors.ts";
import { CommandError, exitCodes } from "../exit-codes.ts";
import { removeFolder } from "./state-folder.ts";

const launcher = fileURLToPath(new URL("../countersign.js", import.meta.url));

export interface BackgroundOptions {
  readonly folder: string;
  /** Flags of `countersign dev`. */
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Starts `countersign dev` in a session of its own, and resolves with the Workload API's endpoint once it serves.
 * @throws CommandError with the end of its log
 */
export async function startInBackground({ folder, flags, environment }: BackgroundOptions): Promise<string> {
  // Kept open: the child removes its folder when it ends.
  const log = openSync(join(folder, "dev.log"), "a+", 0o600);
  const child = spawn(process.execPath, [launcher, "dev", "--state-folder", folder, ...flags], {
    detached: true,
    stdio: ["ignore", log, log, "pipe"],
    env: environment,
    cwd: "/",
  });
  try {
    const said = await wholeText(child.stdio[3]);
    child.unref();
    if (said.startsWith("unix://")) return said.trim();
    const tail = endOf(log);
    throw new CommandError(exitCodes.refused, `it did not start\n${tail}`, {
      code: "ERR_DEV_NOT_STARTED",
      hint: cliErrorSpecs.ERR_DEV_NOT_STARTED.fix,
    });
  } catch (error) {
    child.kill("SIGKILL");
    removeFolder(folder);
    throw error;
  } finally {
    closeSync(log);
  }
}

function endOf(log: number): string {
  const { size } = fstatSync(log);
  const bytes = Buffer.alloc(Math.min(size, 4096));
  readSync(log, bytes, 0, bytes.length, size - bytes.length);
  return bytes.toString("utf8").trim().split("\n").slice(-5).join("\n");
}

/** Until it is closed, by the child's word or its end. */
async function wholeText(stream: unknown): Promise<string> {
  let text = "";
  if (!isReadable(stream)) return text;
  for await (const chunk of stream) text += String(chunk);
  return text;
}

function isReadable(stream: unknown): stream is Readable {
  return typeof stream === "object" && stream !== null && "read" in stream;
}
