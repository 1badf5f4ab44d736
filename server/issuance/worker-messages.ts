import type { KeyObject } from "node:crypto";
import type { IssuerInfo } from "../../certs/index.ts";
import type { RefusalCode, SvidItem, SvidResult } from "./svid-job.ts";

/*
 * What travels between the pool and a worker. All bytes of a message lie in one buffer that is transferred: cloning
 * many small arrays costs more than a signature's tenth, and cloning a view of a pooled Buffer copies the whole pool.
 */

export type ToWorker =
  | {
      readonly kind: "context";
      readonly issuer: IssuerInfo;
      readonly key: KeyObject | undefined;
      readonly blockedKeys: readonly string[];
    }
  | { readonly kind: "job"; readonly id: number; readonly items: PackedItems };

export interface FromWorker {
  readonly id: number;
  readonly results: PackedResults;
}

export interface PackedItems {
  /** Per item: CSR, serial. */
  readonly bytes: PackedBytes;
  readonly uris: readonly string[];
  readonly dnsNames: readonly (readonly string[])[];
  /** Per item: notBefore, notAfter. */
  readonly times: readonly number[];
  readonly keepSubject: readonly boolean[];
}

export interface PackedResults {
  /** Per item two: certificate and nothing, or TBS and SPKI, or nothing twice. */
  readonly bytes: PackedBytes;
  readonly kinds: readonly SvidResult["kind"][];
  /** Serial number or refusal message. */
  readonly texts: readonly string[];
  readonly codes: readonly (RefusalCode | undefined)[];
}

export interface PackedBytes {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly ends: readonly number[];
}

const nothing = new Uint8Array(0);

export function packItems(items: readonly SvidItem[]): PackedItems {
  return {
    bytes: pack(items.flatMap(({ csrDer, serial }) => [csrDer, serial])),
    uris: items.map(({ uri }) => uri),
    dnsNames: items.map(({ dnsNames }) => dnsNames),
    times: items.flatMap(({ notBefore, notAfter }) => [notBefore, notAfter]),
    keepSubject: items.map(({ keepsSubject }) => keepsSubject === true),
  };
}

export function unpackItems({ bytes, uris, dnsNames, times, keepSubject }: PackedItems): readonly SvidItem[] {
  const parts = unpack(bytes);
  return uris.map((uri, index) => ({
    csrDer: parts[2 * index] ?? nothing,
    serial: parts[2 * index + 1] ?? nothing,
    uri,
    dnsNames: dnsNames[index] ?? [],
    notBefore: times[2 * index] ?? 0,
    notAfter: times[2 * index + 1] ?? 0,
    keepsSubject: keepSubject[index] === true,
  }));
}

export function packResults(results: readonly SvidResult[]): PackedResults {
  return {
    bytes: pack(results.flatMap(bytesOf)),
    kinds: results.map(({ kind }) => kind),
    texts: results.map(textOf),
    codes: results.map((result) => (result.kind === "refused" ? result.code : undefined)),
  };
}

export function unpackResults({ bytes, kinds, texts, codes }: PackedResults): readonly SvidResult[] {
  const parts = unpack(bytes);
  return kinds.map((kind, index) =>
    resultOf(kind, parts[2 * index] ?? nothing, parts[2 * index + 1] ?? nothing, texts[index] ?? "", codes[index]),
  );
}

function resultOf(
  kind: SvidResult["kind"],
  first: Uint8Array,
  second: Uint8Array,
  text: string,
  code: RefusalCode | undefined,
): SvidResult {
  switch (kind) {
    case "signed":
      return { kind, der: first, serialNumber: text };
    case "unsigned":
      return { kind, tbs: first, spkiDer: second };
    case "refused":
      return { kind, code: code ?? "ERR_SVID_RECHECK", message: text };
  }
}

function bytesOf(result: SvidResult): readonly Uint8Array[] {
  switch (result.kind) {
    case "signed":
      return [result.der, nothing];
    case "unsigned":
      return [result.tbs, result.spkiDer];
    case "refused":
      return [nothing, nothing];
  }
}

function textOf(result: SvidResult): string {
  switch (result.kind) {
    case "signed":
      return result.serialNumber;
    case "unsigned":
      return "";
    case "refused":
      return result.message;
  }
}

function pack(parts: readonly Uint8Array[]): PackedBytes {
  const ends: number[] = [];
  let length = 0;
  for (const part of parts) {
    length += part.length;
    ends.push(length);
  }
  const bytes = new Uint8Array(length);
  for (const [index, part] of parts.entries()) bytes.set(part, (ends[index] ?? 0) - part.length);
  return { bytes, ends };
}

/** Views, not copies: a chunk's results share one small buffer. */
function unpack({ bytes, ends }: PackedBytes): readonly Uint8Array[] {
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}
