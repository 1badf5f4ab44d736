export { AddressRanges } from "./address-ranges.ts";
export type { ProxiedSource } from "./header.ts";
export { receiveProxyHeader } from "./receive-header.ts";
