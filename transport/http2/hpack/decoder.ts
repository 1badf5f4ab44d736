import { BlockReader } from "./block-reader.ts";
import { DynamicTable } from "./dynamic-table.ts";
import { type FieldLimits, FieldList } from "./field-list.ts";
import { HpackError } from "./hpack-error.ts";
import { staticEntries, staticFields } from "./static-table.ts";

export interface HpackLimits extends FieldLimits {
  /** What our SETTINGS_HEADER_TABLE_SIZE says; 4,096 when they do not. */
  readonly maxTableBytes: number;
}

export interface DecodedBlock {
  /** `[name, value, name, value…]` in the order of the block, a character an octet (latin1). */
  readonly fields: readonly string[];
  /** There were more than `maxListBytes` or `maxFields` allow; `fields` is not what was sent. */
  readonly isTooLarge: boolean;
}

/** How a field is represented (RFC 7541 §6), by the highest bit that is set in its first octet. */
const indexed = 0x80;
const literalWithIndexing = 0x40;
const tableSizeUpdate = 0x20;

/**
 * RFC 7541's decoder: one per connection, since its dynamic table follows all header blocks that the peer sent.
 * A field whose peer wants it never indexed is a field like others: nothing is sent on.
 */
export class HpackDecoder {
  readonly #limits: HpackLimits;
  readonly #table: DynamicTable;

  constructor(limits: HpackLimits) {
    this.#limits = limits;
    this.#table = new DynamicTable(limits.maxTableBytes);
  }

  /**
   * Decodes a complete header block, to its end also when the fields are too many: the table must follow. Memory stays
   * within `maxTableBytes` and `maxListBytes`, time within the length of `block`.
   * Throws HpackError; the decoder cannot be used after that.
   */
  decode(block: Uint8Array): DecodedBlock {
    const reader = new BlockReader(block);
    const list = new FieldList(this.#limits);
    let mayResize = true;
    while (!reader.isAtEnd) {
      const first = reader.octet();
      if (first >= indexed) this.#addIndexed(reader.integer(first, 0x7f), list);
      else if (first >= literalWithIndexing) this.#addAndKeep(reader, reader.integer(first, 0x3f), list);
      else if (first < tableSizeUpdate) this.#addLiteral(reader, reader.integer(first, 0x0f), list);
      else if (mayResize) {
        this.#resize(reader.integer(first, 0x1f));
        continue;
      } else throw new HpackError("the table's size changes behind a field (RFC 7541 §4.2)");
      mayResize = false;
    }
    return list;
  }

  #addIndexed(index: number, list: FieldList): void {
    if (index === 0) throw new HpackError("index 0 is no field");
    if (index <= staticEntries) {
      list.add(staticFields[2 * index - 2], staticFields[2 * index - 1]);
      return;
    }
    const age = this.#age(index);
    list.add(this.#table.name(age), this.#table.value(age));
  }

  #addLiteral(reader: BlockReader, nameIndex: number, list: FieldList): void {
    const { room } = list;
    const name = nameIndex === 0 ? reader.string(room) : this.#nameAt(nameIndex);
    list.add(name, reader.string(room));
  }

  #addAndKeep(reader: BlockReader, nameIndex: number, list: FieldList): void {
    const needed = Math.max(this.#table.maxBytes, list.room);
    const name = nameIndex === 0 ? reader.string(needed) : this.#nameAt(nameIndex);
    const value = reader.string(needed);
    list.add(name, value);
    if (name === undefined || value === undefined) this.#table.clear();
    else this.#table.insert(name, value);
  }

  #nameAt(index: number): string {
    if (index <= staticEntries) return staticFields[2 * index - 2] ?? "";
    return this.#table.name(this.#age(index));
  }

  #age(index: number): number {
    const age = index - staticEntries - 1;
    if (age >= this.#table.count) throw new HpackError(`index ${index} is behind both tables (RFC 7541 §2.3.3)`);
    return age;
  }

  #resize(maxBytes: number): void {
    if (maxBytes > this.#limits.maxTableBytes) {
      throw new HpackError(`a table of ${maxBytes} bytes is larger than our settings allow (RFC 7541 §6.3)`);
    }
    this.#table.resize(maxBytes);
  }
}
