/** Schema 2: where foreign bundles come from. Never edited once released: migrations.test.ts pins its hash. */
export const federation = `
CREATE TABLE federation_relationships (
  key INTEGER PRIMARY KEY,
  trust_domain TEXT NOT NULL UNIQUE,
  n INTEGER NOT NULL UNIQUE,
  bundle_endpoint_url TEXT NOT NULL,
  profile TEXT NOT NULL CHECK (profile IN ('https_web', 'https_spiffe')),
  endpoint_spiffe_id TEXT CHECK ((endpoint_spiffe_id IS NULL) = (profile = 'https_web'))
) STRICT;
`;
