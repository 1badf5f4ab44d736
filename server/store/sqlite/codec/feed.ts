import type { Change, FeedItem } from "../../ports.ts";
import type { RowChange, RowItem, SnapshotChunk } from "../protocol.ts";
import { decodeAuthority } from "./authority.ts";
import { decodeBundle } from "./bundle.ts";
import { decodeEntry } from "./entry.ts";
import { decodeFederation } from "./federation.ts";
import { decodeNode } from "./node.ts";
import type { SharedValues } from "./shared-values.ts";

function decodeItem(item: RowItem, shared: SharedValues): FeedItem {
  const [type, key, row] = item;
  if (row === null) return { type, key, value: undefined };
  switch (type) {
    case "entry":
      return { type, key, value: decodeEntry(row, shared) };
    case "node":
      return { type, key, value: decodeNode(row, shared) };
    case "bundle":
      return { type, key, value: decodeBundle(row, shared) };
    case "federation":
      return { type, key, value: decodeFederation(row, shared) };
    case "authority":
      return { type, key, value: decodeAuthority(row) };
  }
}

export function decodeChange(change: RowChange, shared: SharedValues): Change {
  return { ...decodeItem(change.item, shared), n: change.n };
}

export function decodeChunk(chunk: SnapshotChunk, shared: SharedValues): readonly FeedItem[] {
  switch (chunk.type) {
    case "entry":
      return chunk.rows.map((row) => ({ type: "entry", key: row[0], value: decodeEntry(row, shared) }));
    case "node":
      return chunk.rows.map((row) => ({ type: "node", key: row[0], value: decodeNode(row, shared) }));
    case "bundle":
      return chunk.rows.map((row) => ({ type: "bundle", key: row[0], value: decodeBundle(row, shared) }));
    case "federation":
      return chunk.rows.map((row) => ({ type: "federation", key: row[0], value: decodeFederation(row, shared) }));
    case "authority":
      return chunk.rows.map((row) => ({ type: "authority", key: `${row[0]}/${row[1]}`, value: decodeAuthority(row) }));
  }
}
