import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import koffi from "koffi";
import { unixAddress } from "../../../runtime/host/systemd.ts";
import { countersign, isReady, Running } from "../../env/processes.ts";

const launcher = fileURLToPath(new URL("../../../cli/countersign.js", import.meta.url));

/** A listening socket as a service manager holds it: its descriptor. */
function listenAt(path: string): { readonly fd: number; close(): void } {
  const libc = koffi.load(null);
  const fd: number = libc.func("int socket(int, int, int)")(1, 1, 0);
  const address = unixAddress(path);
  assert.equal(libc.func("int bind(int, const void *, uint32_t)")(fd, address, address.length), 0);
  assert.equal(libc.func("int listen(int, int)")(fd, 64), 0);
  return { fd, close: () => void libc.func("int close(int)")(fd) };
}

describe("socket activation", () => {
  it("serves the socket that the service manager passes, from the first call on, and leaves it in place", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cst-activated-"));
    const path = join(folder, "admin.sock");
    const socket = listenAt(path);
    const stdio = ["pipe", "pipe", "pipe", socket.fd] as const;
    try {
      const flags = ["--trust-domain", "x.test", "--data-dir", join(folder, "data"), "--bind", "127.0.0.1:0"];
      const command = [process.execPath, launcher, "server", "run", ...flags, "--socket", path];
      // The manager sets LISTEN_PID between fork and exec; so does this shell.
      const script = 'export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@"';
      await using server = new Running("/bin/sh", ["-c", script, "sh", ...command], { stdio });
      // It waits in the socket's queue until the server serves.
      const early = countersign(["entry", "count", "--socket", path]);
      await server.waitFor(isReady);
      assert.equal((await early).code, 0);
      assert.equal(await server.stop(), 0);
      assert.equal(existsSync(path), true, "the socket is the manager's");
    } finally {
      socket.close();
      rmSync(folder, { recursive: true });
    }
  });
});
