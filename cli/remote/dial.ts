import type { Certificate } from "../../certs/index.ts";
import { type Clock, systemClock } from "../../runtime/core/index.ts";
import { clientSocketPath } from "../../runtime/host/default-sockets.ts";
import { TrustDomain, type X509Svid } from "../../spiffe/index.ts";
import { dialTls, type RpcChannel, verifyTrustDomainServer } from "../../transport/index.ts";
import { withWorkloadApi } from "../api/client.ts";
import type { CommandContext } from "../context.ts";
import { CommandError, exitCodes, inputError } from "../exit-codes.ts";
import type { ServerOptions } from "../options.ts";

type Surroundings = Pick<CommandContext, "environment" | "uid">;

/**
 * A channel to the API port of a server elsewhere, as the admin that the local Workload API knows this process as. No
 * byte of a call leaves before the other side proved to be `spiffe://<trust domain>/spire/server` under the bundle that
 * the Workload API gave for its trust domain. The Workload API may take `answerWithinMs`.
 */
export async function dialRemote(
  options: ServerOptions & { readonly server: string },
  surroundings: Surroundings,
  answerWithinMs: number,
  clock: Clock = systemClock,
): Promise<RpcChannel> {
  const address = addressOf(options.server);
  const socket = workloadSocketOf(options, surroundings);
  const { svids, bundles } = await withWorkloadApi(
    socket,
    (client) => client.fetchX509Context({ timeoutMs: answerWithinMs }),
    "--workload-socket",
  );
  const svid = svidOf(svids, options.as);
  const trustDomain = trustDomainOf(options) ?? svid.id.trustDomain;
  const verifyServer = (chain: readonly Certificate[]): void =>
    verifyTrustDomainServer({ chain, trustDomain, bundles, atMs: clock.now() });
  const identity = { chain: svid.chain.map(({ der }) => der), key: svid.key };
  return dialTls({ address, identity: () => identity, verifyServer });
}

function addressOf(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text);
  const [host, port] = [match?.[1] ?? match?.[2], Number(match?.[3])];
  if (host === undefined || port < 1 || port > 65_535) {
    throw inputError("ERR_USAGE", `--server: ${text} is not HOST:PORT`);
  }
  return { host, port };
}

function workloadSocketOf({ workloadSocket }: ServerOptions, { environment, uid }: Surroundings): string {
  return (
    workloadSocket ??
    environment["SPIFFE_ENDPOINT_SOCKET"] ??
    environment["COUNTERSIGN_AGENT_SOCKET"] ??
    clientSocketPath("agent", environment, uid)
  );
}

function trustDomainOf({ serverTrustDomain }: ServerOptions): TrustDomain | undefined {
  if (serverTrustDomain === undefined) return undefined;
  try {
    return TrustDomain.parseNameOrId(serverTrustDomain);
  } catch (error) {
    throw inputError("ERR_USAGE", `--server-trust-domain: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function svidOf(svids: readonly X509Svid[], as: string | undefined): X509Svid {
  const svid = as === undefined ? svids[0] : svids.find(({ id }) => id.toString() === as);
  if (svid !== undefined) return svid;
  const known = svids.map(({ id }) => id.toString()).join(", ");
  throw new CommandError(exitCodes.refused, `the Workload API knows this process as ${known}, not as ${as}`, {
    code: "ERR_NO_SUCH_IDENTITY",
    hint: "leave --as out, or create an entry that gives this process that identity",
  });
}
