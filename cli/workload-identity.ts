import { X509Source } from "../sdk/index.ts";
import type { WorkloadIdentity } from "../server/index.ts";

/** A server's own identity for the server above it, kept fresh by the local Workload API. */
export async function openWorkloadIdentity(socket: string | undefined, signal: AbortSignal): Promise<WorkloadIdentity> {
  const source = await X509Source.open({ signal, ...(socket === undefined ? {} : { endpoint: `unix://${socket}` }) });
  return {
    current: () => ({ chain: source.svid.chain.map(({ der }) => der), key: source.svid.key }),
    bundle: (trustDomain) => source.get(trustDomain),
    onChange: (listener) => source.onChange(listener),
    [Symbol.asyncDispose]: () => source.close(),
  };
}
