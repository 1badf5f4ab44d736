import { createPublicKey } from "node:crypto";
import { encodeSpki } from "../../certs/index.ts";
import { decodeAttestStart, encodeAttestStep } from "../../proto/convert/attest.ts";
import { encodeBundle } from "../../proto/convert/bundle.ts";
import { encodeIssueResult, encodeJwtSvid, encodeX509Svid } from "../../proto/convert/svid.ts";
import { decodeAgentMessage, decodeHello, encodeServerMessage } from "../../proto/convert/sync.ts";
import { agentService, bundleService, svidService, syncService } from "../../proto/services.ts";
import { systemClock } from "../../runtime/core/index.ts";
import { SpiffeId, TrustDomain, verifyX509Svid } from "../../spiffe/index.ts";
import {
  commonErrors,
  defineErrors,
  listenTls,
  type RpcContext,
  RpcRouter,
  type TlsListener,
} from "../../transport/index.ts";
import type { FakeServer } from "./fake-server-link.ts";
import { generateKeyAtOnce } from "./keys.ts";
import { serveSpireEntries } from "./spire-entries.ts";

const fakeErrors = defineErrors({
  ERR_FAKE_NO_BUNDLE: { status: "notFound", meaning: "There is no such bundle.", fix: "another trust domain" },
});

export interface TlsServerOptions {
  /** What the server shows itself as. Default: as it should. */
  readonly id?: SpiffeId;
  /** Whose certificates it shows. Default: its own. */
  readonly shownBy?: FakeServer;
  readonly port?: number;
}

/** The fake server on a real TLS port, under SPIRE's and our service names. */
export async function serveTls(server: FakeServer, options: TlsServerOptions = {}): Promise<TlsListener> {
  const { issuer } = server;
  const { id = SpiffeId.of(issuer.trustDomain, "/spire/server"), shownBy = server, port = 0 } = options;
  const key = await generateKeyAtOnce("ec-p256");
  const spkiDer = encodeSpki(createPublicKey(key));
  const certificate = shownBy.issuer.x509For(spkiDer, id, [], systemClock.now(), 3600);
  return listenTls({
    host: "127.0.0.1",
    port,
    router: routerOf(server),
    identity: () => ({ chain: [certificate.der], key }),
    verifyPeer: (chain) =>
      verifyX509Svid({ chain, bundles: { get: () => issuer.bundle() }, atMs: systemClock.now(), usage: "client" }),
  });
}

function routerOf(server: FakeServer): RpcRouter {
  const router = new RpcRouter();
  router.bidi(agentService.AttestAgent, async (requests, _context, sink) => {
    for await (const request of requests) {
      const start = decodeAttestStart(request);
      const result = server.attest({ ...start, answer: async () => new Uint8Array() });
      await sink.send(encodeAttestStep({ kind: "result", result }));
      return;
    }
  });
  router.unary(bundleService.GetBundle, async () => {
    return encodeBundle(server.bundle(server.issuer.trustDomain) ?? server.issuer.bundle());
  });
  router.unary(bundleService.GetFederatedBundle, async ({ trust_domain }, context) => {
    server.authenticate(serialOf(context));
    server.spire.calls.push(`bundle ${trust_domain}`);
    const bundle = server.bundle(TrustDomain.parseNameOrId(trust_domain));
    if (bundle === undefined) throw fakeErrors.error("ERR_FAKE_NO_BUNDLE", "bundle not found");
    return encodeBundle(bundle);
  });
  router.unary(agentService.PostStatus, async ({ agent_version }, context) => {
    server.authenticate(serialOf(context));
    server.spire.version = agent_version;
    return {};
  });
  serveSpireEntries(router, server, serialOf);
  router.unary(agentService.RenewAgent, async ({ params }, context) => ({
    svid: encodeX509Svid(server.renew(serialOf(context), params?.csr ?? new Uint8Array())),
  }));
  router.unary(svidService.BatchNewX509SVID, async ({ params }, context) => {
    const asked = params.map(({ entry_id, csr }) => ({ entryId: entry_id, csrDer: csr }));
    return { results: server.batch(serialOf(context), asked).map(encodeIssueResult) };
  });
  router.unary(svidService.NewJWTSVID, async ({ entry_id, audience }, context) => ({
    svid: encodeJwtSvid(server.jwt(serialOf(context), entry_id, audience)),
  }));
  router.bidi(syncService.Open, async (requests, context, sink) => {
    const incoming = requests[Symbol.asyncIterator]();
    const first = await incoming.next();
    if (first.done === true) throw commonErrors.error("ERR_MALFORMED_REQUEST", "no hello");
    const stream = server.open(serialOf(context), decodeHello(first.value));
    context.signal.addEventListener("abort", () => stream.close());
    const reading = (async () => {
      for (let next = await incoming.next(); next.done !== true; next = await incoming.next()) {
        const message = decodeAgentMessage(next.value);
        if (message !== undefined) stream.send(message);
      }
    })().catch(() => stream.close());
    for await (const message of stream.messages) await sink.send(encodeServerMessage(message));
    await reading;
  });
  return router;
}

function serialOf({ peer }: RpcContext): string | undefined {
  return peer.kind === "tls" ? peer.svid?.path[0]?.serialNumber : undefined;
}
