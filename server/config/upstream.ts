import { resolve } from "node:path";
import type { ConfigProblem, SettingValues } from "../../runtime/host/index.ts";
import type { serverSettings } from "./settings.ts";

/** What is above this server's X.509 authorities. Paths are absolute. */
export type UpstreamConfig =
  | { readonly kind: "none" }
  | {
      readonly kind: "disk";
      readonly certificatePath: string;
      readonly keyPath: string;
      readonly bundlePath: string | undefined;
    }
  | {
      readonly kind: "spire";
      readonly address: { readonly host: string; readonly port: number };
      /** Of the local Workload API; `undefined` = SPIFFE_ENDPOINT_SOCKET. */
      readonly workloadSocket: string | undefined;
    };

type Values = SettingValues<typeof serverSettings>;
type Key = Extract<keyof Values, `upstream_authority.${string}`>;

const ofKind = {
  none: { required: [], optional: [] },
  disk: {
    required: ["upstream_authority.cert_file_path", "upstream_authority.key_file_path"],
    optional: ["upstream_authority.bundle_file_path"],
  },
  spire: {
    required: ["upstream_authority.server_address"],
    optional: ["upstream_authority.workload_api_socket"],
  },
} as const satisfies Record<UpstreamConfig["kind"], { required: readonly Key[]; optional: readonly Key[] }>;

const allKeys: readonly Key[] = Object.values(ofKind).flatMap(({ required, optional }) => [...required, ...optional]);

/** A setting that is missing, or that belongs to another kind: both are mistakes somebody would search for long. */
export function upstreamProblems(values: Values): readonly ConfigProblem[] {
  const kind = values["upstream_authority.type"];
  const { required, optional } = ofKind[kind];
  const legal: readonly Key[] = [...required, ...optional];
  const where = "";
  return allKeys.flatMap((key) => {
    const isSet = values[key] !== undefined;
    const isNeeded = required.some((one) => one === key);
    if (isNeeded && !isSet) return [{ where, key, message: `is required when upstream_authority.type is ${kind}` }];
    if (isSet && !legal.includes(key)) {
      return [{ where, key, message: `does not belong to upstream_authority.type ${kind}` }];
    }
    return [];
  });
}

export function upstreamConfig(values: Values): UpstreamConfig {
  switch (values["upstream_authority.type"]) {
    case "none":
      return { kind: "none" };
    case "disk": {
      const bundle = values["upstream_authority.bundle_file_path"];
      return {
        kind: "disk",
        certificatePath: resolve(values["upstream_authority.cert_file_path"] ?? ""),
        keyPath: resolve(values["upstream_authority.key_file_path"] ?? ""),
        bundlePath: bundle === undefined ? undefined : resolve(bundle),
      };
    }
    case "spire": {
      const socket = values["upstream_authority.workload_api_socket"];
      return {
        kind: "spire",
        address: {
          host: values["upstream_authority.server_address"] ?? "",
          port: values["upstream_authority.server_port"],
        },
        workloadSocket: socket === undefined ? undefined : resolve(socket),
      };
    }
  }
}
