import type { BigIntStats } from "node:fs";
import { stat } from "node:fs/promises";
import { type Certificate, certsLimits, parsePemCertificates } from "../../../certs/index.ts";
import { errorFields, type Logger } from "../../../runtime/core/index.ts";
import { readRegularFile } from "../../../runtime/host/index.ts";
import { serverErrors } from "../../errors.ts";
import type { TrustAnchors } from "./trust-anchors.ts";

interface ReadFile {
  readonly version: string;
  readonly certificates: readonly Certificate[];
}

/**
 * Authorities in PEM files that the operator replaces as they please: each file is looked at before each use, and read
 * again when it is another one than before. A file that cannot be read then is not believed: what was read before stays.
 */
export class CaBundleFiles implements TrustAnchors {
  readonly #logger: Logger;
  readonly #files: Map<string, ReadFile>;
  readonly #complained = new Map<string, string>();

  private constructor(files: Map<string, ReadFile>, logger: Logger) {
    this.#files = files;
    this.#logger = logger;
  }

  /** @throws ERR_X509POP_CA_BUNDLE when one of the files cannot be used */
  static async open(paths: readonly string[], logger: Logger): Promise<CaBundleFiles> {
    const files = await Promise.all(paths.map(async (path) => [path, await read(path)] as const));
    return new CaBundleFiles(new Map(files), logger);
  }

  async current(): Promise<readonly Certificate[]> {
    for (const [path, { version }] of this.#files) await this.#refresh(path, version);
    return [...this.#files.values()].flatMap(({ certificates }) => certificates);
  }

  async #refresh(path: string, version: string): Promise<void> {
    let seen = "";
    try {
      seen = versionOf(await stat(path, { bigint: true }));
      if (seen === version) return;
      const file = await read(path);
      this.#files.set(path, file);
      this.#complained.delete(path);
      this.#logger.info({ path, certificates: file.certificates.length }, "read a CA bundle of x509pop again");
    } catch (error) {
      // Once for each state of the file, not for each attestation.
      if (this.#complained.get(path) === seen) return;
      this.#complained.set(path, seen);
      this.#logger.error(
        { path, ...errorFields(error) },
        "a CA bundle of x509pop cannot be read, the former one stays",
      );
    }
  }
}

function versionOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join();
}

async function read(path: string): Promise<ReadFile> {
  try {
    const { text, stats } = await readRegularFile(path, certsLimits.pemBytes.value);
    return { version: versionOf(stats), certificates: parsePemCertificates(text) };
  } catch (cause) {
    throw serverErrors.error("ERR_X509POP_CA_BUNDLE", `the CA bundle ${path} cannot be read`, { cause });
  }
}
