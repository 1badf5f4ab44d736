import { createPrivateKey, type KeyObject } from "node:crypto";
import { stat } from "node:fs/promises";
import {
  type Certificate,
  CertsError,
  certsLimits,
  encodeSpki,
  issuerInfoOf,
  parsePemCertificates,
  signBytes,
} from "../../../certs/index.ts";
import type { Clock, Random } from "../../../runtime/core/index.ts";
import { readRegularFile } from "../../../runtime/host/index.ts";
import { serverErrors } from "../../errors.ts";
import type { UpstreamAuthority, UpstreamBundle } from "../ports.ts";
import { signCaBelow } from "../sign-ca.ts";
import { anchorsOf } from "./anchors.ts";

export interface DiskUpstreamOptions {
  /** PEM: the CA above, then what is between it and the trust anchor. */
  readonly certificatePath: string;
  /** PEM: its private key. */
  readonly keyPath: string;
  /** PEM: trust anchors. `undefined`: the CA above is its own. */
  readonly bundlePath: string | undefined;
}

/** How often changed files are looked for, milliseconds. */
const lookMs = 5_000;

/**
 * A CA whose certificate and key are files. They are read at each mint and looked at for changes in between: new trust
 * anchors are published before anything is signed under them.
 *
 * Rejects with ERR_UPSTREAM_FILES, naming the file.
 */
export function diskUpstream(options: DiskUpstreamOptions, clock: Clock, random: Random): UpstreamAuthority {
  return {
    mintX509Ca: async ({ trustDomain, signer, subject, ttl }) => {
      const { key, chain, roots } = await readAuthority(options);
      const [issuer] = chain;
      const { der: own } = await signCaBelow({
        issuer,
        sign: async (tbs) => signBytes(issuerInfoOf(issuer).signatureAlgorithm, tbs, key),
        trustDomain,
        subject,
        spkiDer: encodeSpki(signer.publicKey),
        ttl,
        defaultTtl: ttl,
        issuerNotAfter: Math.floor(earliestEnd(chain) / 1000),
        clock,
        random,
        noRoom: () => unusable(options.certificatePath, "its path length allows no CA below it"),
      });
      const between = chain.map(({ der }) => der).filter((der) => !roots.some((root) => isSame(root.der, der)));
      const served = [own, ...between];
      return {
        chain: served,
        ...anchorsOf(
          served,
          roots.map(({ der }) => der),
        ),
      };
    },
    followBundle: async (onBundle, signal) => {
      let seen = "";
      while (!signal.aborted) {
        const state = await stateOf(options);
        if (state !== seen) {
          const { roots } = await readAuthority(options);
          await onBundle(bundleOf(roots));
          seen = state;
        }
        await clock.sleep(lookMs, { signal }).catch((error: unknown) => {
          if (!signal.aborted) throw error;
        });
      }
    },
  };
}

interface DiskAuthority {
  readonly key: KeyObject;
  readonly chain: readonly [Certificate, ...Certificate[]];
  readonly roots: readonly Certificate[];
}

async function readAuthority({ certificatePath, keyPath, bundlePath }: DiskUpstreamOptions): Promise<DiskAuthority> {
  const [first, ...rest] = await read(certificatePath, parsePemCertificates);
  if (first === undefined) throw unusable(certificatePath, "it holds no certificate");
  if (!holds(() => issuerInfoOf(first) !== undefined)) {
    const why = "it is no CA with a subject key identifier and an ECDSA P-256, P-384 or RSA key";
    throw unusable(certificatePath, why);
  }
  const key = await read(keyPath, (pem) => createPrivateKey(pem));
  if (!holds(() => isSame(encodeSpki(key), first.spkiDer)))
    throw unusable(keyPath, "it is not the key of the certificate");
  if (bundlePath !== undefined) {
    const chain = [first, ...rest] as const;
    const roots = await read(bundlePath, parsePemCertificates);
    if (!leadsTo(chain, roots)) {
      const why = `it does not lead to a certificate of ${bundlePath}; what is between them goes behind the CA, in order`;
      throw unusable(certificatePath, why);
    }
    return { key, chain, roots };
  }
  if (!first.isSignedBy(first)) {
    throw unusable(certificatePath, "it is not self-signed; name its trust anchors with bundle_file_path");
  }
  return { key, chain: [first], roots: [first] };
}

/** What is unknown to this program, such as a key of P-521, proves nothing. */
function holds(check: () => boolean): boolean {
  try {
    return check();
  } catch (error) {
    if (error instanceof CertsError) return false;
    throw error;
  }
}

/** Whether each certificate is signed by the next, and the last by an anchor, or is one. */
function leadsTo(chain: readonly Certificate[], roots: readonly Certificate[]): boolean {
  return chain.every((certificate, index) => {
    const next = chain[index + 1];
    if (next !== undefined) return holds(() => certificate.isSignedBy(next));
    return roots.some((root) => certificate.equals(root) || holds(() => certificate.isSignedBy(root)));
  });
}

async function read<Value>(path: string, parse: (text: string) => Value): Promise<Value> {
  try {
    return parse((await readRegularFile(path, certsLimits.pemBytes.value)).text);
  } catch (cause) {
    throw unusable(path, cause instanceof Error ? cause.message : "unknown", cause);
  }
}

/** Changes whenever one of the files does. */
async function stateOf({ certificatePath, keyPath, bundlePath }: DiskUpstreamOptions): Promise<string> {
  const paths = [certificatePath, keyPath, ...(bundlePath === undefined ? [] : [bundlePath])];
  const states = await Promise.all(
    paths.map(async (path) => {
      try {
        const { dev, ino, size, mtimeMs, ctimeMs } = await stat(path);
        return `${dev}:${ino}:${size}:${mtimeMs}:${ctimeMs}`;
      } catch (cause) {
        throw unusable(path, cause instanceof Error ? cause.message : "unknown", cause);
      }
    }),
  );
  return states.join(" ");
}

function earliestEnd(chain: readonly Certificate[]): number {
  return Math.min(...chain.map(({ notAfter }) => notAfter));
}

function bundleOf(roots: readonly Certificate[]): UpstreamBundle {
  return { isComplete: false, x509: roots.map(({ der }) => ({ certificateDer: der, tainted: false })), jwt: undefined };
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

function unusable(path: string, why: string, cause?: unknown): Error {
  return serverErrors.error("ERR_UPSTREAM_FILES", `${path} cannot be used: ${why}`, { cause });
}
