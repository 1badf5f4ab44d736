/** An agent reduced to its calls: what an attacker, or a test of the server alone, would write. */
import type { KeyObject } from "node:crypto";
import { buildCsr, type Certificate, generateKey, parsePemCertificates } from "../../certs/index.ts";
import { agentService, syncService } from "../../proto/services.ts";
import { SpiffeBundle, TrustDomain, verifyX509Svid } from "../../spiffe/index.ts";
import { dialTls, type RpcChannel } from "../../transport/index.ts";
import type { Running } from "./processes.ts";
import type { System } from "./system.ts";

export interface RawIdentity {
  readonly chain: readonly Uint8Array[];
  readonly key: KeyObject;
}

/** As of the first time it was asked for while this server process runs: asking takes a process of its own. */
const bundles = new WeakMap<Running, Promise<SpiffeBundle>>();

function bundleOf(system: System): Promise<SpiffeBundle> {
  const known = bundles.get(system.server);
  if (known !== undefined) return known;
  const fresh = readBundle(system);
  bundles.set(system.server, fresh);
  return fresh;
}

async function readBundle(system: System): Promise<SpiffeBundle> {
  const certificates = parsePemCertificates((await system.cli("bundle", "show")).stdout);
  const x509Authorities = certificates.map((certificate) => ({ certificate }));
  return SpiffeBundle.of(TrustDomain.parse(system.trustDomain), { x509Authorities });
}

/** A channel to the server, verified under its bundle, with or without an agent's identity. */
async function dialServer(system: System, identity?: RawIdentity): Promise<RpcChannel> {
  const bundle = await bundleOf(system);
  const [host = "", port = ""] = system.address.split(":");
  return dialTls({
    address: { host, port: Number(port) },
    ...(identity === undefined ? {} : { identity: () => identity }),
    verifyServer: (chain: readonly Certificate[]) => {
      verifyX509Svid({ chain, bundles: { get: () => bundle }, atMs: Date.now(), usage: "server" });
    },
  });
}

/** Attests with a join token; rejects with the server's refusal. `mangle` changes the CSR before it is sent. */
export async function attestRaw(
  system: System,
  token: string,
  mangle: (csr: Uint8Array) => Uint8Array = (csr) => csr,
): Promise<RawIdentity> {
  const key = await generateKey("ec-p256");
  const channel = await dialServer(system);
  try {
    const call = channel.bidi(agentService.AttestAgent, { timeoutMs: 15_000 });
    const csr = Buffer.from(mangle(buildCsr({ key })));
    call.send({ params: { data: { type: "join_token", payload: Buffer.from(token) }, params: { csr } } });
    for await (const answer of call.responses) {
      const chain = answer.result?.svid?.cert_chain ?? [];
      if (chain.length > 0) return { chain, key };
    }
    throw new Error("the server answered without a result");
  } finally {
    channel.close();
  }
}

export async function renewRaw(system: System, identity: RawIdentity): Promise<RawIdentity> {
  const key = await generateKey("ec-p256");
  const channel = await dialServer(system, identity);
  try {
    const { svid } = await channel.unary(agentService.RenewAgent, { params: { csr: Buffer.from(buildCsr({ key })) } });
    return { chain: svid?.cert_chain ?? [], key };
  } finally {
    channel.close();
  }
}

/** A call that any agent in good standing may make. */
export async function postStatus(system: System, identity: RawIdentity | undefined): Promise<void> {
  const channel = await dialServer(system, identity);
  try {
    await channel.unary(agentService.PostStatus, { agent_version: "raw" }, { timeoutMs: 10_000 });
  } finally {
    channel.close();
  }
}

/** Opens a sync stream and resolves with how it ended. */
export async function syncUntilEnded(system: System, identity: RawIdentity, onWelcome: () => void): Promise<unknown> {
  const channel = await dialServer(system, identity);
  try {
    const call = channel.bidi(syncService.Open);
    call.send({ hello: { protocol: 1, capabilities: [], held: [], agent_version: "raw" } });
    for await (const message of call.responses) if (message.welcome != null) onWelcome();
    return "ended with OK";
  } catch (error) {
    return error;
  } finally {
    channel.close();
  }
}

export function agentIdOf(system: System, token: string): string {
  return `spiffe://${system.trustDomain}/spire/agent/join_token/${token}`;
}
