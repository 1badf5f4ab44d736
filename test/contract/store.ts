import { describe } from "node:test";
import type { Store } from "../../server/store/ports.ts";
import { authorityStoreContract } from "./store/authorities.ts";
import { entryStoreContract } from "./store/entries.ts";
import { federationContract } from "./store/federation.ts";
import { feedContract } from "./store/feed.ts";
import { joinTokenStoreContract } from "./store/join-tokens.ts";
import { nodeStoreContract } from "./store/nodes.ts";

export interface StoreCase {
  readonly name: string;
  /** A new store of the trust domain example.org, without anything in it. */
  readonly open: () => Promise<Store>;
}

/** What everything that calls itself a `Store` must do. */
export function storeContract(subject: StoreCase): void {
  describe(`Store contract: ${subject.name}`, () => {
    entryStoreContract(subject.open);
    nodeStoreContract(subject.open);
    joinTokenStoreContract(subject.open);
    authorityStoreContract(subject.open);
    federationContract(subject.open);
    feedContract(subject.open);
  });
}
