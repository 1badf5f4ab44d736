import type { KeyObject } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodePem } from "../../certs/index.ts";
import { type Crafted, type CraftedOptions, craftCa, craftLeaf } from "./crafted-certificate.ts";
import { testKey } from "./fixture-keys.ts";

const dayMs = 86_400_000;

/** A PKI of somebody else's: a root, an intermediate, and certificates of nodes, valid now. */
export class NodePki {
  readonly root: Crafted;
  readonly middle: Crafted;

  constructor() {
    this.root = craftCa({ subject: "Machines", ...NodePki.#days(2) });
    this.middle = craftCa({ subject: "Rack", issuer: this.root, ...NodePki.#days(2) });
  }

  static #days(days: number): Pick<CraftedOptions, "notBeforeMs" | "notAfterMs"> {
    return { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + days * dayMs };
  }

  node(subject: string, options: CraftedOptions = {}): Crafted {
    return craftLeaf({
      subject,
      issuer: this.middle,
      key: testKey("ec-p256"),
      ...NodePki.#days(1),
      ...options,
      extensions: { alternativeNames: undefined, ...options.extensions },
    });
  }

  /** `chain.pem` and `key.pem` in `folder`, which is made. */
  write(folder: string, node: Crafted, key: KeyObject = node.key): { readonly chain: string; readonly key: string } {
    mkdirSync(folder, { recursive: true });
    const files = { chain: join(folder, "chain.pem"), key: join(folder, "key.pem") };
    writeFileSync(files.chain, pem(node) + pem(this.middle));
    writeFileSync(files.key, key.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
    return files;
  }
}

export function pem({ der }: Crafted): string {
  return encodePem("CERTIFICATE", der);
}
