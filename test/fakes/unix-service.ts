import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  dialUnix,
  listenUnix,
  type RpcChannel,
  type UnixListener,
  type UnixListenerOptions,
} from "../../transport/index.ts";

/** A listener on a Unix socket in a directory of its own, and channels to it; all gone when disposed. */
export class UnixService implements AsyncDisposable {
  readonly path: string;
  readonly listener: UnixListener;
  readonly #folder: string;
  readonly #channels: RpcChannel[] = [];

  private constructor(folder: string, listener: UnixListener) {
    this.#folder = folder;
    this.listener = listener;
    this.path = listener.address.path;
  }

  static async start(
    options: Pick<UnixListenerOptions, "router"> & Partial<UnixListenerOptions>,
  ): Promise<UnixService> {
    const folder = mkdtempSync(join(tmpdir(), "countersign-"));
    const path = join(folder, "s.sock");
    return new UnixService(folder, await listenUnix({ path, mode: 0o777, directoryMode: 0o755, ...options }));
  }

  dial(): RpcChannel {
    const channel = dialUnix({ path: this.path });
    this.#channels.push(channel);
    return channel;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const channel of this.#channels) channel.close();
    await this.listener.close({ graceMs: 0 });
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
