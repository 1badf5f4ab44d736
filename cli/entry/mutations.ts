import type { Entry, Entry__Output } from "../../proto/gen/spire/api/types/Entry.ts";
import type { EntryMask } from "../../proto/gen/spire/api/types/EntryMask.ts";
import type { Status__Output } from "../../proto/gen/spire/api/types/Status.ts";
import { entryService } from "../../proto/services.ts";
import { grpcStatus, ServiceError } from "../../transport/index.ts";
import type { CommandChannel } from "../connect.ts";

/** What became of one item of a batch. */
export interface ItemResult {
  readonly status: Status__Output;
  readonly id: string;
  /** What the server answered; where that is nothing, what was asked for. */
  readonly entry: Entry__Output | null;
}

/** Requests are cut so that each stays far below the message limit. */
const batchSize = 500;

export function createEntries(channel: CommandChannel, entries: readonly Entry[]): Promise<readonly ItemResult[]> {
  return inBatches(entries, entryId, async (batch) => {
    const { results } = await channel.unary(entryService.BatchCreateEntry, { entries: batch });
    return results.map(({ status, entry }, index) => ({
      status: known(status),
      entry: entry ?? asAnswered(batch[index]),
      id: entry?.id ?? entryId(batch[index]),
    }));
  });
}

/** Only the fields of `mask` are written; `undefined` writes every field. */
export function updateEntries(
  channel: CommandChannel,
  entries: readonly Entry[],
  mask: EntryMask | undefined,
): Promise<readonly ItemResult[]> {
  return inBatches(entries, entryId, async (batch) => {
    const request = mask === undefined ? { entries: batch } : { entries: batch, input_mask: mask };
    const { results } = await channel.unary(entryService.BatchUpdateEntry, request);
    return results.map(({ status, entry }, index) => ({
      status: known(status),
      entry: entry ?? asAnswered(batch[index]),
      id: entryId(batch[index]),
    }));
  });
}

export function deleteEntries(channel: CommandChannel, ids: readonly string[]): Promise<readonly ItemResult[]> {
  return inBatches(
    ids,
    (id) => id,
    async (batch) => {
      const { results } = await channel.unary(entryService.BatchDeleteEntry, { ids: batch });
      return results.map(({ status, id }) => ({ status: known(status), entry: null, id }));
    },
  );
}

export function succeeded(result: ItemResult): boolean {
  return result.status.code === grpcStatus.ok;
}

/** When a later batch cannot be sent, what was done before is still reported: the rest has that failure as its status. */
async function inBatches<Item>(
  items: readonly Item[],
  idOf: (item: Item) => string,
  call: (batch: Item[]) => Promise<readonly ItemResult[]>,
): Promise<readonly ItemResult[]> {
  const results: ItemResult[] = [];
  for (let start = 0; start < items.length; start += batchSize) {
    try {
      results.push(...(await call(items.slice(start, start + batchSize))));
    } catch (error) {
      if (results.length === 0 || !(error instanceof ServiceError)) throw error;
      const status = { code: grpcStatus[error.status], message: error.message };
      return [...results, ...items.slice(start).map((item) => ({ status, id: idOf(item), entry: null }))];
    }
  }
  return results;
}

function known(status: Status__Output | null): Status__Output {
  return status ?? { code: grpcStatus.unknown, message: "the server gave no status for this item" };
}

function entryId(entry: Entry | undefined): string {
  return entry?.id ?? "";
}

/** With every field, as an answer has them. */
function asAnswered(entry: Entry | undefined): Entry__Output | null {
  if (entry === undefined) return null;
  const { requestSerialize, requestDeserialize } = entryService.BatchCreateEntry;
  return requestDeserialize(Buffer.from(requestSerialize({ entries: [entry] }))).entries[0] ?? null;
}
