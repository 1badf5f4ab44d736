import { keyManagerContract } from "../../../test/contract/key-manager.ts";
import { RemoteKeyManager } from "../../../test/fakes/remote-key-manager.ts";
import { MemoryKeyManager } from "./memory-key-manager.ts";

keyManagerContract({ name: "memory", local: true, open: async () => new MemoryKeyManager() });
keyManagerContract({ name: "remote fake", local: false, open: async () => new RemoteKeyManager() });
