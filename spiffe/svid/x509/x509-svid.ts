import { createPublicKey, type KeyObject } from "node:crypto";
import { type Certificate, CertsError, decodePkcs8 } from "../../../certs/index.ts";
import { SpiffeError } from "../../errors.ts";
import type { SpiffeId } from "../../id/spiffe-id.ts";
import { spiffeLimits } from "../../limits.ts";
import { type ChainInput, readChain } from "./chain.ts";
import { checkLeaf } from "./leaf.ts";

/** What an `X509Svid` is made of. */
export interface X509SvidOptions {
  /** DER certificates, leaf first, without the trust anchor. */
  readonly chain: ChainInput;
  /** The leaf's private key. */
  readonly key: KeyObject;
  /** The operator's text about what this SVID is for. Default none. */
  readonly hint?: string;
}

/** An X509-SVID in bytes. */
export interface ParseX509SvidOptions {
  /** DER certificates, leaf first, without the trust anchor (WAPI-34). */
  readonly chainDer: ChainInput;
  /** Unencrypted PKCS#8 (WAPI-35). */
  readonly keyDer: Uint8Array;
  /** The operator's text about what this SVID is for. Default none. */
  readonly hint?: string;
}

/**
 * One's own X509-SVID: a chain whose leaf is fit to be one, with the leaf's private key. Not verified against a
 * bundle: who holds the key need not prove it to himself. Immutable; printing it shows no key.
 */
export class X509Svid {
  readonly #id: SpiffeId;
  readonly #chain: readonly [Certificate, ...Certificate[]];
  readonly #key: KeyObject;
  readonly #hint: string;

  private constructor(id: SpiffeId, chain: readonly [Certificate, ...Certificate[]], key: KeyObject, hint: string) {
    this.#id = id;
    this.#chain = chain;
    this.#key = key;
    this.#hint = hint;
  }

  /** @throws SpiffeError ERR_X509_SVID_KEY and the codes of `verifyX509Svid` that need no bundle */
  static parse({ chainDer, keyDer, hint = "" }: ParseX509SvidOptions): X509Svid {
    return X509Svid.of({ chain: chainDer, key: readKey(keyDer), hint });
  }

  /** @throws SpiffeError ERR_X509_SVID_KEY and the codes of `verifyX509Svid` that need no bundle */
  static of({ chain: input, key, hint = "" }: X509SvidOptions): X509Svid {
    const chain = readChain(input);
    const id = checkLeaf(chain[0]);
    if (key.type !== "private" || !createPublicKey(key).equals(leafKey(chain[0]))) {
      throw new SpiffeError("ERR_X509_SVID_KEY", "the private key does not belong to the leaf");
    }
    return new X509Svid(id, chain, key, hint);
  }

  /** The SPIFFE ID in the leaf's URI SAN (X509-SVID §2). */
  get id(): SpiffeId {
    return this.#id;
  }

  /** Leaf first, then the intermediates; without the trust anchor. */
  get chain(): readonly Certificate[] {
    return this.#chain;
  }

  /** The certificate that carries the SPIFFE ID. */
  get leaf(): Certificate {
    return this.#chain[0];
  }

  /** The leaf's private key. Give it to a TLS library only; it shows itself in no log, unless exported. */
  get key(): KeyObject {
    return this.#key;
  }

  /** The operator's text about what this SVID is for; `""` when none. */
  get hint(): string {
    return this.#hint;
  }

  /** The leaf's end, in ms since 1970. */
  get notAfter(): number {
    return this.#chain[0].notAfter;
  }

  /** DER, leaf first, one certificate after the other (WAPI-34). */
  chainDer(): Uint8Array {
    return Buffer.concat(this.#chain.map(({ der }) => der));
  }
}

function readKey(keyDer: Uint8Array): KeyObject {
  if (keyDer.length > spiffeLimits.privateKeyBytes.value) {
    throw new SpiffeError("ERR_X509_SVID_KEY", "the private key is too long");
  }
  try {
    return decodePkcs8(keyDer);
  } catch (cause) {
    if (!(cause instanceof CertsError)) throw cause;
    throw new SpiffeError("ERR_X509_SVID_KEY", "the private key is unreadable", { cause });
  }
}

function leafKey(leaf: Certificate): KeyObject {
  try {
    return leaf.publicKey();
  } catch (cause) {
    if (!(cause instanceof CertsError)) throw cause;
    throw new SpiffeError("ERR_X509_SVID_KEY", "the public key of the leaf is of no supported kind", { cause });
  }
}
