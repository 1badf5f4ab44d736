import { once } from "node:events";
import { chownSync, mkdirSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { isReady, type Running, startCountersign } from "./processes.ts";
import type { AgentHandle, System } from "./system.ts";

/** Another user than the one of the tests: what it runs has other selectors. */
const nobody = 65_534;

export interface FileIdentityOptions {
  /** Of the SPIFFE ID. */
  readonly path: string;
  readonly flags?: readonly string[];
  /** Has the server load the files again. */
  readonly onRenewed?: () => Promise<void>;
}

/** The identity of a server that reads files: `agent write-files`, as another user, keeps them and tells of renewals. */
export class FileIdentity implements AsyncDisposable {
  readonly folder: string;
  /** How often the server was told of new files. */
  renewals = 0;
  readonly #bridge: Running;
  readonly #told: Server;

  private constructor(folder: string, bridge: Running, told: Server) {
    this.folder = folder;
    this.#bridge = bridge;
    this.#told = told;
  }

  static async create(system: System, agent: AgentHandle, options: FileIdentityOptions): Promise<FileIdentity> {
    const { path, flags = [], onRenewed } = options;
    await system.createEntry(agent, { path, selectors: [`unix:uid:${nobody}`], flags: ["--wait", ...flags] });
    const folder = join(system.folder, `files${path.replaceAll("/", "-")}`);
    mkdirSync(folder);
    chownSync(folder, nobody, nobody);
    const told = createServer((_request, response) => {
      it.renewals += 1;
      const done = it.renewals === 1 || onRenewed === undefined ? Promise.resolve() : onRenewed();
      done.then(
        () => response.end(),
        () => response.writeHead(500).end(),
      );
    }).listen(0, "127.0.0.1");
    await once(told, "listening");
    const address = told.address();
    const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/`;
    const bridge = startCountersign(
      ["agent", "write-files", "--dir", folder, "--socket", agent.socket, "--notify-url", url],
      { uid: nobody, gid: nobody },
    );
    const it = new FileIdentity(folder, bridge, told);
    await bridge.waitFor(isReady);
    return it;
  }

  get chain(): string {
    return join(this.folder, "svid.pem");
  }

  get key(): string {
    return join(this.folder, "svid_key.pem");
  }

  get bundle(): string {
    return join(this.folder, "svid_bundle.pem");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bridge.stop();
    this.#told.close();
  }
}
