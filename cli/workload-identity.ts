import { X509Source } from "../sdk/index.ts";
import type { WorkloadIdentity } from "../server/index.ts";

/** A server's own identities for the server above it, kept fresh by the local Workload API. */
export async function openWorkloadIdentity(socket: string | undefined, signal: AbortSignal): Promise<WorkloadIdentity> {
  const source = await X509Source.open({ signal, ...(socket === undefined ? {} : { endpoint: `unix://${socket}` }) });
  return {
    get ids() {
      return source.svids.map(({ id }) => id.toString());
    },
    current: (wanted) => {
      const usual = source.svid;
      const { id, chain, key } = source.svids.find((svid) => svid.id.toString() === wanted) ?? usual;
      return { id: id.toString(), chain: chain.map(({ der }) => der), key };
    },
    bundle: (trustDomain) => source.get(trustDomain),
    onChange: (listener) => source.onChange(listener),
    [Symbol.asyncDispose]: () => source.close(),
  };
}
