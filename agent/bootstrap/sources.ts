import { readFile, stat } from "node:fs/promises";
import { request } from "node:https";
import type { TrustDomain } from "../../spiffe/index.ts";
import { agentErrors } from "../errors.ts";
import { agentLimits } from "../limits.ts";
import type { BootstrapSource } from "./bundle-source.ts";
import { parseBootstrapBundle } from "./parse-bundle.ts";

/** PEM or SPIFFE bundle document. */
export function bundleFile(trustDomain: TrustDomain, path: string): BootstrapSource {
  return {
    isRetryable: false,
    fetch: async () => {
      const text = await readBounded(path).catch((cause: unknown) => {
        throw agentErrors.error("ERR_BOOTSTRAP_BUNDLE", `the bootstrap bundle ${path} cannot be read`, { cause });
      });
      return parseBootstrapBundle(trustDomain, text, path);
    },
  };
}

/** Authenticated by the system's certificate authorities. Redirects are not followed. */
export function bundleUrl(trustDomain: TrustDomain, url: URL, ca?: string): BootstrapSource {
  return {
    isRetryable: true,
    fetch: async (signal) => {
      const text = await download(url, signal, ca).catch((cause: unknown) => {
        signal.throwIfAborted();
        throw agentErrors.error("ERR_BOOTSTRAP_BUNDLE", `the bootstrap bundle cannot be fetched from ${url.href}`, {
          cause,
        });
      });
      return parseBootstrapBundle(trustDomain, text, url.href);
    },
  };
}

/** Trust on first use. */
export const insecureBootstrap: BootstrapSource = { isRetryable: true, fetch: async () => undefined };

/** The agent has state already, or cannot start. */
export const noBootstrap: BootstrapSource = {
  isRetryable: false,
  fetch: async () => {
    throw agentErrors.error("ERR_BOOTSTRAP_BUNDLE", "there is no stored bundle and no bootstrap bundle is configured");
  },
};

async function readBounded(path: string): Promise<string> {
  const { size } = await stat(path);
  if (size > agentLimits.bundleBytes.value) throw new RangeError("the file is larger than a bundle can be");
  return readFile(path, "utf8");
}

function download(url: URL, signal: AbortSignal, ca: string | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      {
        signal,
        minVersion: "TLSv1.2",
        timeout: agentLimits.bundleFetchMs.value,
        agent: false,
        ...(ca === undefined ? {} : { ca }),
      },
      (response) => {
        if (response.statusCode !== 200) {
          response.destroy(new Error(`the answer has status ${response.statusCode}`));
        }
        const parts: Buffer[] = [];
        let size = 0;
        response.on("data", (part: Buffer) => {
          size += part.length;
          if (size > agentLimits.bundleBytes.value)
            response.destroy(new Error("the answer is larger than a bundle can be"));
          else parts.push(part);
        });
        response.on("end", () => resolve(Buffer.concat(parts).toString("utf8")));
        response.on("error", reject);
      },
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error("no answer in time")));
    outgoing.on("error", reject);
    outgoing.end();
  });
}
