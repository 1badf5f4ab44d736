import assert from "node:assert/strict";
import type { Server } from "node:net";
import { text } from "node:stream/consumers";
import { it } from "node:test";
import { connectHttp2, createHttp2SecureServer, createHttpsServer, id, peerOf } from "../../sdk/index.ts";
import { ourId, type Stand, somebody, theirId } from "./both-ways.ts";
import { listen } from "./our-side.ts";

/** net/http with go-spiffe's tls.Configs, which speaks HTTP/1.1 and HTTP/2. */
export function httpsBothWays(stand: () => Stand): void {
  it("answers our fetch and our HTTP/2 session over https, and no other's", async () => {
    const { theirs, ours } = stand();
    const url = `https://${(await theirs.ask(`serve-https ${ourId}`, "listening"))["address"]}/`;
    const response = await ours.x509.fetch(url, { authorize: id(theirId) });
    assert.equal(await response.text(), `hello ${ourId} over HTTP/1.1`);
    await assert.rejects(ours.x509.fetch(url, { authorize: id(somebody) }), { code: "ERR_PEER_NOT_VERIFIED" });

    const session = await connectHttp2(ours.x509, url, { authorize: id(theirId) });
    assert.equal(await text(session.request({ ":path": "/" }).end()), `hello ${ourId} over HTTP/2.0`);
    session.close();
    await assert.rejects(connectHttp2(ours.x509, url, { authorize: id(somebody) }), { code: "ERR_PEER_NOT_VERIFIED" });

    const closed = `https://${(await theirs.ask(`serve-https ${somebody}`, "listening"))["address"]}/`;
    await assert.rejects(ours.x509.fetch(closed, { authorize: id(theirId) }));
  });

  it("is answered by our https and HTTP/2 servers, and by no other's", async () => {
    const { theirs, ours } = stand();
    const greet = (request: { readonly socket: object }): string => `hello ${peerOf(request).id}`;
    const servers = [
      ["HTTP/1.1", createHttpsServer],
      ["HTTP/2.0", createHttp2SecureServer],
    ] as const;
    for (const [protocol, create] of servers) {
      const open: Server[] = [];
      const serve = async (peer: string): Promise<string> => {
        const handler = (request: Parameters<typeof greet>[0], response: { end(body: string): void }): void =>
          response.end(greet(request));
        const server = create(ours.x509, { authorize: id(peer) }, handler);
        open.push(server);
        return `https://${await listen(server)}/`;
      };
      const url = await serve(theirId);
      const called = await theirs.ask(`get ${url} ${ourId}`, "called", "refused");
      assert.deepEqual([called["greeting"], called["protocol"]], [`hello ${theirId}`, protocol]);
      assert.equal((await theirs.ask(`get ${url} ${somebody}`, "called", "refused"))["event"], "refused");
      const other = await serve(somebody);
      assert.equal((await theirs.ask(`get ${other} ${ourId}`, "called", "refused"))["event"], "refused");
      for (const server of open) server.close();
    }
  });
}
