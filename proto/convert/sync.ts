import {
  type Position,
  type ResourceType,
  resourceTypes,
  type SyncAck,
  type SyncHello,
  type SyncMessage,
  type SyncPage,
  type SyncResource,
  type SyncStatus,
} from "../domain/link.ts";
import type { AgentMessage, AgentMessage__Output } from "../gen/countersign/server/sync/v1/AgentMessage.ts";
import type { Page, Page__Output } from "../gen/countersign/server/sync/v1/Page.ts";
import type { Position__Output, Position as WirePosition } from "../gen/countersign/server/sync/v1/Position.ts";
import type { Resource, Resource__Output } from "../gen/countersign/server/sync/v1/Resource.ts";
import type { ServerMessage, ServerMessage__Output } from "../gen/countersign/server/sync/v1/ServerMessage.ts";
import { encodeBundle, readBundle } from "./bundle.ts";
import { encodeEntry, readEntry } from "./entry.ts";
import { readCount } from "./integers.ts";
import { oneOf } from "./mask.ts";
import { decodeWith, type Problems } from "./problems.ts";

const isResourceType = oneOf(resourceTypes);

export function encodePosition(position: Position): WirePosition {
  return { epoch: position.epoch, n: position.n };
}

function readPosition(problems: Problems, field: string, wire: Position__Output | null): Position | undefined {
  if (wire === null) {
    problems.add(field, "is missing");
    return undefined;
  }
  return { epoch: wire.epoch, n: readCount(problems, `${field}.n`, wire.n) };
}

export function encodeHello(hello: SyncHello): AgentMessage {
  const held = hello.held.map(({ type, position }) => ({ type, position: encodePosition(position) }));
  return {
    hello: {
      protocol: hello.protocol,
      capabilities: [...hello.capabilities],
      held,
      agent_version: hello.agentVersion,
    },
  };
}

export function encodeAgentMessage(message: SyncAck | SyncStatus): AgentMessage {
  if (message.kind === "status") {
    const { x509Svids, jwtSvids, workloadStreams } = message;
    return { status: { x509_svids: x509Svids, jwt_svids: jwtSvids, workload_streams: workloadStreams } };
  }
  const { type, position, pendingEntryIds } = message;
  return { ack: { type, position: encodePosition(position), pending_entry_ids: [...pendingEntryIds] } };
}

/** The first message of an agent. Held positions of types unknown here are left out. Throws `ERR_MALFORMED_REQUEST`. */
export function decodeHello(wire: AgentMessage__Output): SyncHello {
  return decodeWith((problems) => {
    if (wire.hello === null || wire.hello === undefined) {
      problems.add("hello", "is missing");
      return undefined;
    }
    const { protocol, capabilities, held, agent_version } = wire.hello;
    return {
      protocol,
      capabilities,
      agentVersion: agent_version,
      held: held.flatMap(({ type, position: wirePosition }, index) => {
        if (!isResourceType(type)) return [];
        const position = readPosition(problems, `hello.held[${index}].position`, wirePosition);
        return position === undefined ? [] : [{ type, position }];
      }),
    };
  });
}

/** A later message of an agent; `undefined` for kinds and types unknown here. Throws `ERR_MALFORMED_REQUEST`. */
export function decodeAgentMessage(wire: AgentMessage__Output): SyncAck | SyncStatus | undefined {
  if (wire.status) {
    const { x509_svids, jwt_svids, workload_streams } = wire.status;
    return { kind: "status", x509Svids: x509_svids, jwtSvids: jwt_svids, workloadStreams: workload_streams };
  }
  if (!wire.ack || !isResourceType(wire.ack.type)) return undefined;
  const { type, position: wirePosition, pending_entry_ids: pendingEntryIds } = wire.ack;
  return decodeWith((problems) => {
    const position = readPosition(problems, "ack.position", wirePosition);
    return position && { kind: "ack", type, position, pendingEntryIds };
  });
}

export function encodeServerMessage(message: SyncMessage): ServerMessage {
  if (message.kind === "page") return { page: encodePage(message) };
  const { protocol, capabilities, serverVersion, serverId } = message;
  const welcome = { protocol, capabilities: [...capabilities], server_version: serverVersion, server_id: serverId };
  return { welcome };
}

function encodePage(page: SyncPage): Page {
  return {
    type: page.type,
    snapshot_start: page.snapshotStart,
    last: page.last,
    position: encodePosition(page.position),
    resources: page.resources.map(encodeResource),
    removed: [...page.removed],
    ...(page.digest === undefined ? {} : { digest: Buffer.from(page.digest, "hex") }),
  };
}

function encodeResource(resource: SyncResource): Resource {
  switch (resource.kind) {
    case "entry":
      return { entry: encodeEntry(resource.entry) };
    case "bundle":
      return { bundle: encodeBundle(resource.bundle) };
    case "distrust":
      return {
        distrust: { authority_id: resource.authorityId, kind: resource.authority, spread_ms: resource.spreadMs },
      };
    case "config":
      return { config: { status_interval: resource.statusIntervalSeconds } };
  }
}

/** `undefined` for kinds and resource types unknown here. Throws `ERR_MALFORMED_REQUEST` naming every bad field. */
export function decodeServerMessage(wire: ServerMessage__Output): SyncMessage | undefined {
  if (wire.welcome) {
    const { protocol, capabilities, server_version, server_id } = wire.welcome;
    return { kind: "welcome", protocol, capabilities, serverVersion: server_version, serverId: server_id };
  }
  const { page } = wire;
  if (!page || !isResourceType(page.type)) return undefined;
  const { type } = page;
  return decodeWith((problems) => readPage(problems, type, page));
}

function readPage(problems: Problems, type: ResourceType, page: Page__Output): SyncPage | undefined {
  const position = readPosition(problems, "page.position", page.position);
  const resources = page.resources.flatMap((resource, index) => {
    const read = readResource(problems, `page.resources[${index}].`, resource);
    if (read !== undefined && read.kind !== type) problems.add(`page.resources[${index}]`, `is no ${type}`);
    return read === undefined ? [] : [read];
  });
  if (page.digest.length !== 0 && page.digest.length !== 32) problems.add("page.digest", "is not 32 bytes long");
  if (position === undefined) return undefined;
  return {
    kind: "page",
    type,
    snapshotStart: page.snapshot_start,
    last: page.last,
    position,
    resources,
    removed: page.removed,
    digest: page.digest.length === 0 ? undefined : page.digest.toString("hex"),
  };
}

/** `undefined` also for arms unknown here: a newer server may say more. */
function readResource(problems: Problems, prefix: string, wire: Resource__Output): SyncResource | undefined {
  if (wire.entry) {
    const entry = readEntry(problems, `${prefix}entry.`, wire.entry);
    return entry && { kind: "entry", entry };
  }
  if (wire.bundle) {
    const bundle = readBundle(problems, `${prefix}bundle.`, wire.bundle);
    return bundle && { kind: "bundle", bundle };
  }
  if (wire.distrust) {
    const { authority_id: authorityId, kind, spread_ms: spreadMs } = wire.distrust;
    return kind === "x509" || kind === "jwt" ? { kind: "distrust", authorityId, authority: kind, spreadMs } : undefined;
  }
  return wire.config ? { kind: "config", statusIntervalSeconds: wire.config.status_interval } : undefined;
}
