import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HpackDecoder, HpackError } from "./index.ts";

const limits = { maxTableBytes: 4096, maxListBytes: 16_384, maxFields: 64 };

const setCookie = ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"];

function response(status: string, second: string): readonly string[] {
  return [
    ...[":status", status, "cache-control", "private", "date", `Mon, 21 Oct 2013 20:13:${second} GMT`],
    ...["location", "https://www.example.com"],
  ];
}

/** RFC 7541 Appendix C: blocks of one connection, and the fields they stand for. */
const examples: readonly {
  readonly clause: string;
  readonly maxTableBytes: number;
  readonly blocks: readonly { readonly hex: string; readonly fields: readonly string[] }[];
}[] = [
  {
    clause: "C.2.1, literal with indexing",
    maxTableBytes: 4096,
    blocks: [
      { hex: "400a637573746f6d2d6b65790d637573746f6d2d686561646572", fields: ["custom-key", "custom-header"] },
      { hex: "be", fields: ["custom-key", "custom-header"] },
    ],
  },
  {
    clause: "C.2.2 to C.2.4, literal without indexing, never indexed, indexed",
    maxTableBytes: 4096,
    blocks: [
      { hex: "040c2f73616d706c652f70617468", fields: [":path", "/sample/path"] },
      { hex: "100870617373776f726406736563726574", fields: ["password", "secret"] },
      { hex: "82", fields: [":method", "GET"] },
    ],
  },
  ...[
    [
      "C.3, requests without Huffman codes",
      "828684410f7777772e6578616d706c652e636f6d",
      "828684be58086e6f2d6361636865",
      "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
    ],
    [
      "C.4, requests with Huffman codes",
      "828684418cf1e3c2e5f23a6ba0ab90f4ff",
      "828684be5886a8eb10649cbf",
      "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    ],
  ].map(([clause = "", first = "", second = "", third = ""]) => ({
    clause,
    maxTableBytes: 4096,
    blocks: [
      { hex: first, fields: [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com"] },
      {
        hex: second,
        fields: [
          ...[":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com"],
          ...["cache-control", "no-cache"],
        ],
      },
      {
        hex: third,
        fields: [
          ...[":method", "GET", ":scheme", "https", ":path", "/index.html", ":authority", "www.example.com"],
          ...["custom-key", "custom-value"],
        ],
      },
    ],
  })),
  ...[
    [
      "C.5, responses without Huffman codes; entries are evicted",
      "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e17" +
        "68747470733a2f2f7777772e6578616d706c652e636f6d",
      "4803333037c1c0bf",
      "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d41" +
        "53444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b207665727369" +
        "6f6e3d31",
    ],
    [
      "C.6, responses with Huffman codes; entries are evicted",
      "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97" +
        "c8e9ae82ae43d3",
      "4883640effc1c0bf",
      "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd" +
        "5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
    ],
  ].map(([clause = "", first = "", second = "", third = ""]) => ({
    clause,
    maxTableBytes: 256,
    blocks: [
      { hex: first, fields: response("302", "21") },
      { hex: second, fields: response("307", "21") },
      {
        hex: third,
        fields: [
          ...[":status", "200", "cache-control", "private", "date", "Mon, 21 Oct 2013 20:13:22 GMT"],
          ...["location", "https://www.example.com", "content-encoding", "gzip"],
          ...["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
        ],
      },
      { hex: "bebfc0", fields: [...setCookie, "content-encoding", "gzip", "date", "Mon, 21 Oct 2013 20:13:22 GMT"] },
    ],
  })),
];

/** What must be refused, and the nearest that must not be. */
const errors: readonly (readonly [what: string, wrong: string, right: string])[] = [
  ["index 0", "80", "81"],
  ["an index behind both tables", "be", "4001610162be"],
  ["an index of an entry that the table had no room for", "204001610162be", "4001610162be"],
  ["a name's index behind both tables", "7e0162", "7d0162"],
  ["a name's index behind both tables, without indexing", "0f2f0162", "0f2e0162"],
  ["a name's index behind both tables, never indexed", "1f2f0162", "1f2e0162"],
  ["an integer without an end", "3f80808080", "3f808000"],
  ["an integer of too many octets", "3f8080808000", "3f80808000"],
  ["a block that ends in an integer", "3f", "3e"],
  ["a block that ends before a name", "40", "40016100"],
  ["a block that ends before a value", "400161", "40016100"],
  ["a string longer than its block", "40016102ff", "40016101ff"],
  ["eight bits of padding and more", "0001618518c631ffff", "0001618418c631ff"],
  ["padding that is not all ones", "000161811e", "000161811f"],
  ["a string of nothing but padding", "00016181ff", "00016180"],
  ["the code of EOS", "00016184ffffffff", "00016184fffffe2f"],
  ["a table larger than the settings say", "3fe21f", "3fe11f"],
  ["a new size of the table behind a field", "8220", "2082"],
];

describe("HpackDecoder, by RFC 7541", () => {
  for (const { clause, maxTableBytes, blocks } of examples) {
    it(`decodes ${clause}`, () => {
      const decoder = new HpackDecoder({ ...limits, maxTableBytes });
      for (const { hex, fields } of blocks) {
        const decoded = decoder.decode(Buffer.from(hex, "hex"));
        assert.deepEqual([decoded.fields, decoded.isTooLarge], [fields, false]);
      }
    });
  }

  for (const [what, wrong, right] of errors) {
    it(`refuses ${what}`, () => {
      const decode = (hex: string) => new HpackDecoder(limits).decode(Buffer.from(hex, "hex"));
      assert.throws(() => decode(wrong), HpackError);
      assert.equal(decode(right).isTooLarge, false);
    });
  }

  it("takes the size of the table from C.1.2's integer, and not one byte more than allowed", () => {
    const block = Buffer.from("3f9a0a", "hex");
    assert.deepEqual(new HpackDecoder({ ...limits, maxTableBytes: 1337 }).decode(block).fields, []);
    assert.throws(() => new HpackDecoder({ ...limits, maxTableBytes: 1336 }).decode(block), HpackError);
  });
});
