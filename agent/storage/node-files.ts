import type { Stats } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { decodePkcs8, encodePkcs8 } from "../../certs/index.ts";
import { ensureFolder } from "../../runtime/host/ensure-folder.ts";
import { removeFile, replaceFile } from "../../runtime/host/replace-file.ts";
import { SpiffeBundle, type TrustDomain } from "../../spiffe/index.ts";
import { ServiceError } from "../../transport/index.ts";
import { agentErrors } from "../errors.ts";
import { type NodeIdentity, nodeIdentity } from "../identity/node-identity.ts";
import type { NodeState, NodeStore } from "../identity/node-store.ts";
import { agentLimits } from "../limits.ts";
import { readFileBounded } from "./read-bounded.ts";

const identityForm = z.strictObject({
  key: z.base64(),
  chain: z.array(z.base64()).min(1).max(16),
  can_reattest: z.boolean(),
});
const stateForm = z.strictObject({
  version: z.literal(1),
  active: identityForm,
  previous: identityForm.optional(),
  proof_sha256: z.string().max(64),
});

/**
 * The agent's data directory: `identity.json` (key and SVID together, so that a crash cannot leave one without the
 * other) and `bundle.json` (a SPIFFE bundle document). Both 0600, replaced atomically.
 */
export class NodeFiles implements NodeStore {
  readonly #trustDomain: TrustDomain;
  readonly #statePath: string;
  readonly #bundlePath: string;

  private constructor(folder: string, trustDomain: TrustDomain) {
    this.#trustDomain = trustDomain;
    this.#statePath = join(folder, "identity.json");
    this.#bundlePath = join(folder, "bundle.json");
  }

  /** Makes the folder when it is missing. @throws ServiceError `ERR_NODE_STATE_UNREADABLE` */
  static async open(folder: string, trustDomain: TrustDomain): Promise<NodeFiles> {
    try {
      ensureFolder(folder);
    } catch (cause) {
      throw unreadable(folder, cause);
    }
    return new NodeFiles(folder, trustDomain);
  }

  /** @throws ServiceError `ERR_NODE_STATE_CORRUPT`, `ERR_NODE_STATE_EXPOSED`, `ERR_NODE_STATE_UNREADABLE` */
  async loadState(): Promise<NodeState | undefined> {
    // The node's key: as ssh has it, one that others could read is not used any more.
    const text = await this.#read(this.#statePath, 0o077);
    if (text === undefined) return undefined;
    return this.#orCorrupt(this.#statePath, () => {
      const form = stateForm.parse(JSON.parse(text));
      return {
        active: this.#readIdentity(form.active),
        previous: form.previous === undefined ? undefined : this.#readIdentity(form.previous),
        proofDigest: form.proof_sha256,
      };
    });
  }

  async saveState(state: NodeState): Promise<void> {
    const form: z.infer<typeof stateForm> = {
      version: 1,
      active: identityToForm(state.active),
      ...(state.previous === undefined ? {} : { previous: identityToForm(state.previous) }),
      proof_sha256: state.proofDigest,
    };
    await replaceFile(this.#statePath, `${JSON.stringify(form)}\n`);
  }

  async eraseState(): Promise<void> {
    await removeFile(this.#statePath);
  }

  /** @throws ServiceError `ERR_NODE_STATE_CORRUPT`, `ERR_NODE_STATE_EXPOSED`, `ERR_NODE_STATE_UNREADABLE` */
  async loadBundle(): Promise<SpiffeBundle | undefined> {
    // No secret, but whom to believe.
    const text = await this.#read(this.#bundlePath, 0o022);
    if (text === undefined) return undefined;
    return this.#orCorrupt(this.#bundlePath, () => {
      const { bundle } = SpiffeBundle.parseJwks(this.#trustDomain, text);
      // A reader skips what it cannot use. What was stored here could be used: a server was verified with it.
      if (bundle.x509Authorities.length === 0) throw new Error("it holds no usable X.509 authority");
      return bundle;
    });
  }

  async saveBundle(bundle: SpiffeBundle): Promise<void> {
    await replaceFile(this.#bundlePath, bundle.toJwks());
  }

  #readIdentity(form: z.infer<typeof identityForm>): NodeIdentity {
    const chain = form.chain.map((der) => new Uint8Array(Buffer.from(der, "base64")));
    return nodeIdentity(this.#trustDomain, decodePkcs8(Buffer.from(form.key, "base64")), chain, form.can_reattest);
  }

  /** `forbidden`: rights that nobody else may have. */
  async #read(path: string, forbidden: number): Promise<string | undefined> {
    try {
      return await readFileBounded(path, agentLimits.nodeStateBytes.value, (file) =>
        refuseExposed(path, file, forbidden),
      );
    } catch (cause) {
      if (cause instanceof RangeError) throw corrupt(path, cause);
      throw cause instanceof ServiceError ? cause : unreadable(path, cause);
    }
  }

  #orCorrupt<T>(path: string, read: () => T): T {
    try {
      return read();
    } catch (cause) {
      throw corrupt(path, cause);
    }
  }
}

function refuseExposed(path: string, { mode, uid }: Stats, forbidden: number): void {
  const isOurs = uid === process.geteuid?.() || uid === 0;
  if (isOurs && (mode & forbidden) === 0) return;
  const rights = (mode & 0o777).toString(8).padStart(4, "0");
  const what = isOurs ? `has mode ${rights}, 0600 at most is right` : `belongs to uid ${uid}`;
  throw agentErrors.error("ERR_NODE_STATE_EXPOSED", `${path} ${what}: others could read or replace it`);
}

function unreadable(path: string, cause: unknown): Error {
  return agentErrors.error("ERR_NODE_STATE_UNREADABLE", `${path} cannot be used`, { cause });
}

function corrupt(path: string, cause: unknown): Error {
  return agentErrors.error("ERR_NODE_STATE_CORRUPT", `${path} cannot be read`, { cause });
}

function identityToForm(identity: NodeIdentity): z.infer<typeof identityForm> {
  return {
    key: Buffer.from(encodePkcs8(identity.key)).toString("base64"),
    chain: identity.chain.map((der) => Buffer.from(der).toString("base64")),
    can_reattest: identity.canReattest,
  };
}
