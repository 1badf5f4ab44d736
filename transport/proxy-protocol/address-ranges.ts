import { BlockList, isIP } from "node:net";
import { plainAddress } from "../plain-address.ts";

/** IP addresses by CIDR range (`10.0.0.0/8`, `2001:db8::/32`) or one by one. Immutable. */
export class AddressRanges {
  readonly #list = new BlockList();

  /** @throws RangeError naming what is not a range */
  static parse(ranges: readonly string[]): AddressRanges {
    const result = new AddressRanges();
    for (const range of ranges) result.#add(range);
    return result;
  }

  #add(range: string): void {
    const [address = "", length, ...rest] = range.split("/");
    const family = isIP(address);
    const bits = family === 4 ? 32 : 128;
    const prefix = length === undefined ? bits : /^\d{1,3}$/.test(length) ? Number(length) : -1;
    if (family === 0 || rest.length > 0 || prefix < 0 || prefix > bits) {
      throw new RangeError(`${JSON.stringify(range)} is not an IP address or CIDR range`);
    }
    this.#list.addSubnet(address, prefix, family === 4 ? "ipv4" : "ipv6");
  }

  /** An IPv4 address may come in IPv6 clothes, as it does on a socket of both families. */
  has(address: string): boolean {
    const plain = plainAddress(address);
    const family = isIP(plain);
    return family !== 0 && this.#list.check(plain, family === 4 ? "ipv4" : "ipv6");
  }
}
