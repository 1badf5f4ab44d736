import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import fc from "fast-check";
import { SpiffeBundle, SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import { TestCa } from "../../test/fakes/test-ca.ts";
import { anyEntry, anyNode, anyPosition, anySpiffeId } from "../../test/fakes/wire-values.ts";
import type { IssueResult, SyncMessage } from "../domain/link.ts";
import { agentService, bundleService, entryService, svidService, syncService } from "../services.ts";
import { agentFields, decodeAgent, encodeAgent } from "./agent.ts";
import { decodeAttestStart, decodeAttestStep, encodeAttestStart, encodeAttestStep } from "./attest.ts";
import { decodeBundle, encodeBundle } from "./bundle.ts";
import { decodeEntry, decodeEntryDraft, decodeMaskedEntry, draftFieldsOf, encodeEntry, entryFields } from "./entry.ts";
import { decodeAgentFilter, decodeEntryFilter } from "./filter.ts";
import { decodeMask } from "./mask.ts";
import { decodeIssueResults, decodeX509Svid, encodeIssueResult, encodeX509Svid } from "./svid.ts";
import {
  decodeAgentMessage,
  decodeHello,
  decodeServerMessage,
  encodeAgentMessage,
  encodeHello,
  encodeServerMessage,
} from "./sync.ts";

const runs = { numRuns: 60 };
const malformed = { code: "ERR_MALFORMED_REQUEST" };

function overTheWire<In, Out>(
  definition: {
    readonly responseSerialize: (value: In) => Uint8Array;
    readonly responseDeserialize: (b: Buffer) => Out;
  },
  value: In,
): Out {
  return definition.responseDeserialize(Buffer.from(definition.responseSerialize(value)));
}

describe("entries on the wire", () => {
  it("come back as they went", () => {
    fc.assert(
      fc.property(anyEntry, (entry) => {
        assert.deepEqual(normal(decodeEntry(overTheWire(entryService.GetEntry, encodeEntry(entry)))), normal(entry));
      }),
      runs,
    );
  });

  it("keep only the masked fields, and the id", () => {
    fc.assert(
      fc.property(anyEntry, fc.subarray([...entryFields]), (entry, fields) => {
        const wire = Object.fromEntries(entryFields.map((field) => [field, fields.includes(field)]));
        const masked = encodeEntry(entry, decodeMask<(typeof entryFields)[number]>(maskOf(wire)));
        const expected = ["id", ...fields].filter(
          (field) => field !== "additional_attributes" || entry.additionalAttributes !== undefined,
        );
        assert.deepEqual(Object.keys(masked).sort(), expected.sort());
      }),
      runs,
    );
  });

  it("are refused with every bad field named", () => {
    const wire = overTheWire(entryService.GetEntry, {
      selectors: [
        { type: "unix", value: "uid:1" },
        { type: "a:b", value: "" },
      ],
      spiffe_id: { trust_domain: "Bad_", path: "x" },
      x509_svid_ttl: -1,
      expires_at: "-5",
      federates_with: ["ok.org", "no/t"],
    });
    assert.throws(
      () => decodeEntry(wire),
      (error) => {
        assert.ok(error instanceof Error);
        const expected = ["id:", "spiffe_id:", "parent_id: is missing", "selectors[1]:", "x509_svid_ttl: is negative"];
        for (const field of [...expected, "expires_at: is negative", "federates_with[1]:"]) {
          assert.ok(error.message.includes(field), `${field} in ${error.message}`);
        }
        return true;
      },
    );
    assert.throws(() => decodeEntry(wire), malformed);
  });

  it("refuse numbers that a number cannot hold", () => {
    const wire = overTheWire(entryService.GetEntry, { created_at: "9007199254740993" });
    assert.throws(() => decodeEntry(wire), /created_at: is larger/);
  });

  it("take a parent that was masked out", () => {
    const parent = SpiffeId.parse("spiffe://a.org/agent");
    const wire = overTheWire(entryService.GetEntry, {
      id: "e",
      spiffe_id: { trust_domain: "a.org", path: "/x" },
      selectors: [{ type: "unix", value: "uid:1" }],
    });
    assert.ok(decodeMaskedEntry(wire, parent).parentId.equals(parent));
    assert.throws(() => decodeEntry(wire), /parent_id: is missing/);
  });

  it("are drafts when callers write them: numbers checked, the rest untouched", () => {
    const wire = overTheWire(entryService.GetEntry, { spiffe_id: { trust_domain: "spiffe://A", path: "b" } });
    const decoded = decodeEntryDraft(wire);
    assert.equal(decoded.kind, "draft");
    assert.deepEqual(decoded.kind === "draft" && decoded.draft.spiffeId, { trustDomain: "spiffe://A", path: "b" });
    const bad = decodeEntryDraft(overTheWire(entryService.GetEntry, { jwt_svid_ttl: -1 }));
    assert.equal(bad.kind === "malformed" && bad.error.message, "jwt_svid_ttl: is negative");
  });

  it("say which draft fields an input mask writes", () => {
    const all = draftFieldsOf(decodeMask(null));
    assert.equal(all.size, entryFields.length - 2);
    assert.ok(!all.has("id"));
    const one = draftFieldsOf({ has: (field) => field === "dns_names" || field === "created_at" });
    assert.deepEqual([...one], ["dnsNames"]);
  });
});

describe("agents on the wire", () => {
  it("come back without what is pending and what only the server knows", () => {
    fc.assert(
      fc.property(anyNode, (node) => {
        const { pendingSerialNumber: _serial, pendingExpiresAt: _expiry, ...rest } = node;
        const { authorityId: _authority, seenAt: _seen, syncs: _syncs, ...record } = rest;
        assert.deepEqual(normal(decodeAgent(overTheWire(agentService.GetAgent, encodeAgent(node)))), normal(record));
      }),
      runs,
    );
  });

  it("keep only the masked fields", () => {
    const [node] = fc.sample(anyNode, { numRuns: 1, seed: 1 });
    assert.ok(node);
    const masked = encodeAgent(node, { has: (field) => field === "banned" });
    assert.deepEqual(Object.keys(masked).sort(), ["banned", "id"]);
    assert.equal(agentFields.length + 1, Object.keys(encodeAgent(node)).length);
  });
});

describe("bundles on the wire", () => {
  let ca: TestCa;
  before(async () => {
    ca = await TestCa.create("a.org");
  });

  it("come back as they went", async () => {
    const key = await (await TestCa.create("b.org")).issue("/x");
    const bundle = SpiffeBundle.of(TrustDomain.parse("a.org"), {
      x509Authorities: [{ certificate: ca.certificate, tainted: true }],
      jwtAuthorities: [
        { keyId: "k1", spkiDer: key.chain[0]?.spkiDer ?? new Uint8Array(), expiresAt: 7, tainted: true },
      ],
      sequenceNumber: 2n ** 64n - 1n,
      refreshHint: 300,
    });
    assert.ok(decodeBundle(overTheWire(bundleService.GetBundle, encodeBundle(bundle))).equals(bundle));
  });

  it("are refused whole when one authority does not parse", () => {
    const wire = encodeBundle(ca.bundle);
    const good = overTheWire(bundleService.GetBundle, wire);
    assert.equal(decodeBundle(good).x509Authorities.length, 1);
    const cut = { asn1: ca.certificate.der.slice(0, -1) };
    const bad = { ...wire, x509_authorities: [{ asn1: ca.certificate.der }, cut], jwt_authorities: [{ key_id: "k" }] };
    assert.throws(
      () => decodeBundle(overTheWire(bundleService.GetBundle, bad)),
      (error) => {
        assert.match(String(error), /x509_authorities\[1\].*jwt_authorities\[0\]/s);
        return true;
      },
    );
    assert.throws(() => decodeBundle(overTheWire(bundleService.GetBundle, { ...wire, trust_domain: "" })), malformed);
  });

  it("never let anything but a coded error out, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.integer({ min: 0, max: 200 }), (noise, at) => {
        const der = Buffer.from(ca.certificate.der);
        der.set(noise.subarray(0, der.length - at), at);
        const wire = { trust_domain: "a.org", x509_authorities: [{ asn1: der }] };
        try {
          decodeBundle(overTheWire(bundleService.GetBundle, wire));
        } catch (error) {
          assert.equal(error instanceof Error && "code" in error && error.code, "ERR_MALFORMED_REQUEST");
        }
      }),
      runs,
    );
  });

  it("do not keep the message's memory", () => {
    const wire = overTheWire(bundleService.GetBundle, encodeBundle(ca.bundle));
    const [certificate] = decodeBundle(wire).x509Authorities;
    assert.notEqual(certificate?.certificate.der.buffer, wire.x509_authorities[0]?.asn1.buffer);
  });
});

describe("SVIDs on the wire", () => {
  const svid = { id: SpiffeId.parse("spiffe://a.org/x"), chain: [new Uint8Array([1])], expiresAt: 5, hint: "h" };

  it("come back as they went", () => {
    const wire = overTheWire(agentService.RenewAgent, { svid: encodeX509Svid(svid) });
    assert.deepEqual(normal(decodeX509Svid(wire.svid)), normal(svid));
  });

  it("are refused without id or chain", () => {
    assert.throws(() => decodeX509Svid(null), malformed);
    const wire = overTheWire(agentService.RenewAgent, { svid: { cert_chain: [Buffer.alloc(0)] } });
    assert.throws(() => decodeX509Svid(wire.svid), /svid\.id: is missing; svid\.cert_chain: is empty/);
  });

  it("in batches have a status each, also when all is well, and must be as many as asked for", () => {
    const results: IssueResult[] = [
      { kind: "issued", svid },
      { kind: "refused", code: 5, message: "entry not found" },
    ];
    const wire = overTheWire(svidService.BatchNewX509SVID, { results: results.map(encodeIssueResult) });
    assert.deepEqual({ ...wire.results[0]?.status }, { code: 0, message: "OK" });
    assert.deepEqual(normal(decodeIssueResults(wire.results, 2)), normal(results));
    assert.throws(() => decodeIssueResults(wire.results, 3), malformed);
  });
});

describe("attestation on the wire", () => {
  it("comes back as it went", () => {
    const start = { type: "join_token", payload: Buffer.from("t"), csrDer: Buffer.from("c") };
    const wire = agentService.AttestAgent.requestDeserialize(
      Buffer.from(agentService.AttestAgent.requestSerialize(encodeAttestStart(start))),
    );
    assert.deepEqual(decodeAttestStart(wire), start);
    const step = overTheWire(
      agentService.AttestAgent,
      encodeAttestStep({ kind: "challenge", challenge: Buffer.from("?") }),
    );
    assert.deepEqual(decodeAttestStep(step), { kind: "challenge", challenge: Buffer.from("?") });
  });

  for (const [wire, what] of [
    [{ challenge_response: Buffer.from("x") }, "params"],
    [{ params: {} }, "attestation data"],
    [{ params: { data: {} } }, "X509-SVID parameters"],
    [{ params: { data: {}, params: {} } }, "CSR"],
    [{ params: { data: {}, params: { csr: Buffer.from("c") } } }, "attestation data type"],
    [{ params: { data: { type: "t" }, params: { csr: Buffer.from("c") } } }, "attestation data payload"],
  ] as const) {
    it(`is refused without ${what}`, () => {
      const request = agentService.AttestAgent.requestDeserialize(
        Buffer.from(agentService.AttestAgent.requestSerialize(wire)),
      );
      assert.throws(() => decodeAttestStart(request), { ...malformed, message: `malformed param: missing ${what}` });
    });
  }
});

describe("filters on the wire", () => {
  const entryFilter = (filter: Parameters<typeof entryService.ListEntries.requestSerialize>[0]["filter"]) =>
    entryService.ListEntries.requestDeserialize(
      Buffer.from(entryService.ListEntries.requestSerialize({ filter: filter ?? null })),
    ).filter;
  const agentFilter = (filter: Parameters<typeof agentService.ListAgents.requestSerialize>[0]["filter"]) =>
    agentService.ListAgents.requestDeserialize(
      Buffer.from(agentService.ListAgents.requestSerialize({ filter: filter ?? null })),
    ).filter;

  it("without a filter match everything", () => {
    assert.deepEqual(decodeEntryFilter(null), {});
    assert.deepEqual(decodeAgentFilter(null), {});
    assert.deepEqual(decodeEntryFilter(entryFilter({ by_downstream: { value: false } })), {});
  });

  it("carry every condition", () => {
    const filter = decodeEntryFilter(
      entryFilter({
        by_spiffe_id: { trust_domain: "a.org", path: "/x" },
        by_selectors: { selectors: [{ type: "unix", value: "uid:1" }], match: 2 },
        by_federates_with: { trust_domains: ["spiffe://b.org"], match: 3 },
        by_hint: { value: "" },
        by_downstream: { value: true },
      }),
    );
    assert.equal(filter.spiffeId?.toString(), "spiffe://a.org/x");
    assert.equal(filter.selectors?.match, "superset");
    assert.equal(filter.federatesWith?.trustDomains[0]?.name, "b.org");
    assert.equal(filter.hint, "");
    assert.equal(filter.downstream, true);
  });

  it("are refused with empty sets, unknown behaviours and impossible times", () => {
    assert.throws(() => decodeEntryFilter(entryFilter({ by_selectors: {} })), /by_selectors\.selectors: is empty/);
    assert.throws(() => decodeEntryFilter(entryFilter({ by_federates_with: {} })), /trust_domains: is empty/);
    for (const text of ["tomorrow", "2026-13-01 00:00:00 +0000 +00", "2026-01-01"]) {
      assert.throws(() => decodeAgentFilter(agentFilter({ by_expires_before: text })), malformed, text);
    }
  });

  it("read times as SPIRE's command line writes them", () => {
    const filter = decodeAgentFilter(
      agentFilter({ by_expires_before: "2026-01-01 01:00:00 +0100 +01", by_banned: {} }),
    );
    assert.equal(filter.expiresBefore, Date.UTC(2026, 0, 1) / 1_000);
    assert.equal(filter.banned, false);
  });
});

describe("sync messages on the wire", () => {
  const fromAgent = (message: Parameters<typeof syncService.Open.requestSerialize>[0]) =>
    syncService.Open.requestDeserialize(Buffer.from(syncService.Open.requestSerialize(message)));

  it("come back as they went", () => {
    fc.assert(
      fc.property(anyPosition, fc.array(anyEntry, { maxLength: 3 }), fc.boolean(), (position, entries, last) => {
        const page: SyncMessage = {
          kind: "page",
          type: "entry",
          snapshotStart: !last,
          last,
          position,
          resources: entries.map((entry) => ({ kind: "entry", entry })),
          removed: ["gone"],
          digest: last ? "ab".repeat(32) : undefined,
        };
        assert.deepEqual(
          normal(decodeServerMessage(overTheWire(syncService.Open, encodeServerMessage(page)))),
          normal(page),
        );
        const hello = {
          protocol: 1,
          capabilities: ["x"],
          held: [{ type: "bundle", position } as const],
          agentVersion: "1",
        };
        assert.deepEqual(normal(decodeHello(fromAgent(encodeHello(hello)))), normal(hello));
        const ack = { kind: "ack", type: "entry", position, pendingEntryIds: ["e"] } as const;
        assert.deepEqual(normal(decodeAgentMessage(fromAgent(encodeAgentMessage(ack)))), normal(ack));
      }),
      runs,
    );
  });

  it("of kinds and types from the future are ignored", () => {
    const page = { type: "rule", position: { epoch: "e", n: 1 }, resources: [{}], last: true };
    assert.equal(decodeServerMessage(overTheWire(syncService.Open, { page })), undefined);
    assert.equal(decodeServerMessage(overTheWire(syncService.Open, {})), undefined);
    assert.equal(decodeAgentMessage(fromAgent({ ack: { type: "rule" } })), undefined);
    assert.equal(decodeAgentMessage(fromAgent({})), undefined);
    const held = [{ type: "rule" }, { type: "entry", position: { epoch: "e", n: 2 } }];
    assert.deepEqual(decodeHello(fromAgent({ hello: { held } })).held, [
      { type: "entry", position: { epoch: "e", n: 2 } },
    ]);
  });

  it("are refused when they make no sense", () => {
    assert.throws(() => decodeHello(fromAgent({})), malformed);
    assert.throws(() => decodeAgentMessage(fromAgent({ ack: { type: "entry" } })), /ack\.position: is missing/);
    const config = { config: { status_interval: 1 } };
    const mixed = { type: "entry", position: { epoch: "e", n: 1 }, resources: [config], digest: Buffer.from("short") };
    assert.throws(
      () => decodeServerMessage(overTheWire(syncService.Open, { page: mixed })),
      /resources\[0\]: is no entry; page\.digest: is not 32 bytes/,
    );
  });
});

describe("SPIFFE IDs on the wire", () => {
  it("keep trust domain and path apart", () => {
    fc.assert(
      fc.property(anySpiffeId, (id) => {
        const entry = fc.sample(anyEntry, { numRuns: 1, seed: 7 })[0];
        assert.ok(entry);
        const back = decodeEntry(overTheWire(entryService.GetEntry, encodeEntry({ ...entry, spiffeId: id })));
        assert.ok(back.spiffeId.equals(id));
      }),
      runs,
    );
  });
});

/** Domain classes keep their state private: compare what they print. */
function normal(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_key, part) => (part instanceof Uint8Array ? [...part] : part)));
}

function maskOf(fields: Readonly<Record<string, boolean>>): Record<(typeof entryFields)[number], boolean> {
  return {
    spiffe_id: false,
    parent_id: false,
    selectors: false,
    x509_svid_ttl: false,
    federates_with: false,
    admin: false,
    downstream: false,
    expires_at: false,
    dns_names: false,
    revision_number: false,
    store_svid: false,
    jwt_svid_ttl: false,
    hint: false,
    created_at: false,
    additional_attributes: false,
    ...fields,
  };
}
