import {
  type BundleMask,
  decodeAuthorities,
  decodeBundleDraft,
  decodeJwtKey,
  encodeBundle,
  encodeJwtKey,
} from "../../../proto/convert/bundle.ts";
import { decodeMask, nothing } from "../../../proto/convert/mask.ts";
import type { Bundle__Output } from "../../../proto/gen/spire/api/types/Bundle.ts";
import type { BundleMask__Output } from "../../../proto/gen/spire/api/types/BundleMask.ts";
import { bundleService } from "../../../proto/services.ts";
import type { SpiffeBundle } from "../../../spiffe/index.ts";
import { commonErrors } from "../../../transport/index.ts";
import { type BundleDeleteMode, bundleDeleteModes } from "../../store/ports.ts";
import type { BatchResult } from "../batch.ts";
import { appendBundle } from "../bundle/append-bundle.ts";
import { batchCreateFederatedBundle } from "../bundle/batch-create-federated-bundle.ts";
import { batchDeleteFederatedBundle } from "../bundle/batch-delete-federated-bundle.ts";
import { batchSetFederatedBundle } from "../bundle/batch-set-federated-bundle.ts";
import { batchUpdateFederatedBundle } from "../bundle/batch-update-federated-bundle.ts";
import { countBundles } from "../bundle/count-bundles.ts";
import { getBundle } from "../bundle/get-bundle.ts";
import { getFederatedBundle } from "../bundle/get-federated-bundle.ts";
import { listFederatedBundles } from "../bundle/list-federated-bundles.ts";
import { publishJwtAuthority } from "../bundle/publish-jwt-authority.ts";
import { AnswerRoom } from "./answer-room.ts";
import { authorityLimits, readDraft, readTrustDomain, readTrustDomainDrafts } from "./drafts.ts";
import { readPage } from "./page.ts";
import { type Registration, serveUnary } from "./registration.ts";

export function serveBundleService(to: Registration): void {
  serveUnary(
    to,
    bundleService.CountBundles,
    countBundles,
    () => {},
    (count) => ({ count }),
  );
  serveUnary(to, bundleService.GetBundle, getBundle, () => {}, encodeMasked);
  serveUnary(
    to,
    bundleService.AppendBundle,
    appendBundle,
    (wire) => decodeAuthorities(wire, authorityLimits),
    encodeMasked,
  );
  serveUnary(
    to,
    bundleService.ListFederatedBundles,
    listFederatedBundles,
    readPage,
    ({ items, nextPageToken }, wire) => {
      return { bundles: items.map((bundle) => encodeMasked(bundle, wire)), next_page_token: nextPageToken };
    },
  );
  serveUnary(
    to,
    bundleService.GetFederatedBundle,
    getFederatedBundle,
    ({ trust_domain }) => readTrustDomain(trust_domain),
    encodeMasked,
  );
  serveUnary(
    to,
    bundleService.PublishJWTAuthority,
    publishJwtAuthority,
    ({ jwt_authority }) => decodeJwtKey(jwt_authority, "jwt_authority"),
    ({ jwtAuthorities }) => ({ jwt_authorities: jwtAuthorities.map(encodeJwtKey) }),
  );
  serveUnary(
    to,
    bundleService.BatchCreateFederatedBundle,
    batchCreateFederatedBundle,
    ({ bundle }) => readDrafts(bundle, decodeMask(null)),
    encodeResults,
  );
  serveUnary(
    to,
    bundleService.BatchUpdateFederatedBundle,
    batchUpdateFederatedBundle,
    ({ bundle, input_mask }) => readDrafts(bundle, decodeMask(input_mask)),
    encodeResults,
  );
  serveUnary(
    to,
    bundleService.BatchSetFederatedBundle,
    batchSetFederatedBundle,
    ({ bundle }) => readDrafts(bundle, decodeMask(null)),
    encodeResults,
  );
  serveUnary(
    to,
    bundleService.BatchDeleteFederatedBundle,
    batchDeleteFederatedBundle,
    ({ trust_domains, mode }) => ({ items: readTrustDomainDrafts(trust_domains), mode: readMode(mode) }),
    (results, { trust_domains }) => ({
      results: results.map(({ status, message }, index) => {
        // As it was asked for, so that the caller finds it again.
        return { status: { code: status, message }, trust_domain: trust_domains[index] ?? "" };
      }),
    }),
  );
}

function readDrafts(bundles: readonly Bundle__Output[], mask: BundleMask) {
  return bundles.map((bundle) => {
    return readDraft(bundle.trust_domain, () => decodeBundleDraft(bundle, mask, authorityLimits));
  });
}

function readMode(mode: number): BundleDeleteMode {
  const known = bundleDeleteModes[mode];
  if (known === undefined) throw commonErrors.error("ERR_MALFORMED_REQUEST", `mode: ${mode} is not a known mode`);
  return known;
}

interface Masked {
  readonly output_mask: BundleMask__Output | null;
}

function encodeMasked(bundle: SpiffeBundle, { output_mask }: Masked) {
  return encodeBundle(bundle, decodeMask(output_mask));
}

function encodeResults(results: readonly BatchResult<SpiffeBundle>[], wire: Masked) {
  const room = new AnswerRoom();
  const encode = (bundle: SpiffeBundle) => room.take(encodeMasked(bundle, wire), () => encodeBundle(bundle, nothing));
  return {
    results: results.map(({ status, message, value }) => ({
      status: { code: status, message },
      ...(value === undefined ? {} : { bundle: encode(value) }),
    })),
  };
}
