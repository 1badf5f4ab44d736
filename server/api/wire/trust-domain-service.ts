import { decodeFederationDraft, encodeFederation, type FederationMask } from "../../../proto/convert/federation.ts";
import { decodeMask, nothing } from "../../../proto/convert/mask.ts";
import type { FederationRelationship__Output } from "../../../proto/gen/spire/api/types/FederationRelationship.ts";
import type { FederationRelationshipMask__Output } from "../../../proto/gen/spire/api/types/FederationRelationshipMask.ts";
import { trustDomainService } from "../../../proto/services.ts";
import type { BatchResult } from "../batch.ts";
import { batchCreateFederationRelationship } from "../trust-domain/batch-create-federation-relationship.ts";
import { batchDeleteFederationRelationship } from "../trust-domain/batch-delete-federation-relationship.ts";
import { batchUpdateFederationRelationship } from "../trust-domain/batch-update-federation-relationship.ts";
import type { FederationView } from "../trust-domain/federation-item.ts";
import { getFederationRelationship } from "../trust-domain/get-federation-relationship.ts";
import { listFederationRelationships } from "../trust-domain/list-federation-relationships.ts";
import { refreshBundle } from "../trust-domain/refresh-bundle.ts";
import { AnswerRoom } from "./answer-room.ts";
import { authorityLimits, readDraft, readTrustDomain, readTrustDomainDrafts } from "./drafts.ts";
import { readPage } from "./page.ts";
import { type Registration, serveUnary } from "./registration.ts";

export function serveTrustDomainService(to: Registration): void {
  serveUnary(
    to,
    trustDomainService.ListFederationRelationships,
    listFederationRelationships,
    readPage,
    ({ items, nextPageToken }, wire) => ({
      federation_relationships: items.map((view) => encodeMasked(view, wire)),
      next_page_token: nextPageToken,
    }),
  );
  serveUnary(
    to,
    trustDomainService.GetFederationRelationship,
    getFederationRelationship,
    ({ trust_domain }) => readTrustDomain(trust_domain),
    encodeMasked,
  );
  serveUnary(
    to,
    trustDomainService.BatchCreateFederationRelationship,
    batchCreateFederationRelationship,
    ({ federation_relationships }) => readDrafts(federation_relationships, decodeMask(null)),
    encodeResults,
  );
  serveUnary(
    to,
    trustDomainService.BatchUpdateFederationRelationship,
    batchUpdateFederationRelationship,
    ({ federation_relationships, input_mask }) => readDrafts(federation_relationships, decodeMask(input_mask)),
    encodeResults,
  );
  serveUnary(
    to,
    trustDomainService.BatchDeleteFederationRelationship,
    batchDeleteFederationRelationship,
    ({ trust_domains }) => readTrustDomainDrafts(trust_domains),
    (results) => ({
      results: results.map(({ name, status, message }) => ({ status: { code: status, message }, trust_domain: name })),
    }),
  );
  serveUnary(
    to,
    trustDomainService.RefreshBundle,
    refreshBundle,
    ({ trust_domain }) => readTrustDomain(trust_domain),
    () => ({}),
  );
}

function readDrafts(relationships: readonly FederationRelationship__Output[], mask: FederationMask) {
  return relationships.map((wire) =>
    readDraft(wire.trust_domain, () => decodeFederationDraft(wire, mask, authorityLimits)),
  );
}

interface Masked {
  readonly output_mask: FederationRelationshipMask__Output | null;
}

function encodeMasked({ relationship, bundle }: FederationView, { output_mask }: Masked) {
  return encodeFederation(relationship, bundle, decodeMask(output_mask));
}

function encodeResults(results: readonly BatchResult<FederationView>[], wire: Masked) {
  const room = new AnswerRoom();
  const encode = (view: FederationView) =>
    room.take(encodeMasked(view, wire), () => encodeFederation(view.relationship, undefined, nothing));
  return {
    results: results.map(({ status, message, value }) => ({
      status: { code: status, message },
      ...(value === undefined ? {} : { federation_relationship: encode(value) }),
    })),
  };
}
