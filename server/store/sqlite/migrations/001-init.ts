/**
 * Schema 1. Never edited once released: migrations.test.ts pins its hash.
 *
 * An object is one row (selectors and DNS names are JSON arrays in it): all queries by selector are answered from the
 * registry's memory, and one row instead of five makes creating an entry three times cheaper. `n` is the number of the
 * object's newest change; together with `tombstones` the `n` columns are the feed.
 */
export const init = `
CREATE TABLE feed (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  epoch TEXT NOT NULL,
  head INTEGER NOT NULL,
  horizon INTEGER NOT NULL,
  inode TEXT NOT NULL
) STRICT;

CREATE TABLE tombstones (
  n INTEGER PRIMARY KEY,
  type TEXT NOT NULL,
  object TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  UNIQUE (type, object)
) STRICT;

CREATE TABLE servers (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE bundles (
  key INTEGER PRIMARY KEY,
  trust_domain TEXT NOT NULL UNIQUE,
  n INTEGER NOT NULL UNIQUE,
  sequence_number TEXT,
  refresh_hint INTEGER
) STRICT;

CREATE TABLE bundle_x509_authorities (
  key INTEGER PRIMARY KEY,
  bundle INTEGER NOT NULL REFERENCES bundles (key) ON DELETE CASCADE,
  certificate BLOB NOT NULL,
  subject_key_id TEXT NOT NULL,
  tainted INTEGER NOT NULL CHECK (tainted IN (0, 1)),
  UNIQUE (bundle, certificate)
) STRICT;

CREATE TABLE bundle_jwt_authorities (
  key INTEGER PRIMARY KEY,
  bundle INTEGER NOT NULL REFERENCES bundles (key) ON DELETE CASCADE,
  key_id TEXT NOT NULL,
  public_key BLOB NOT NULL,
  expires_at INTEGER NOT NULL,
  tainted INTEGER NOT NULL CHECK (tainted IN (0, 1)),
  UNIQUE (bundle, key_id)
) STRICT;

CREATE TABLE entries (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  n INTEGER NOT NULL UNIQUE,
  similar_hash INTEGER NOT NULL,
  spiffe_id TEXT NOT NULL,
  parent_id TEXT NOT NULL,
  selectors TEXT NOT NULL,
  x509_svid_ttl INTEGER NOT NULL,
  jwt_svid_ttl INTEGER NOT NULL,
  federates INTEGER NOT NULL CHECK (federates IN (0, 1)),
  admin INTEGER NOT NULL CHECK (admin IN (0, 1)),
  downstream INTEGER NOT NULL CHECK (downstream IN (0, 1)),
  expires_at INTEGER NOT NULL,
  dns_names TEXT NOT NULL,
  revision_number INTEGER NOT NULL,
  store_svid INTEGER NOT NULL CHECK (store_svid IN (0, 1)),
  hint TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  additional_attributes TEXT
) STRICT;

CREATE INDEX entries_by_similar_hash ON entries (similar_hash);
CREATE INDEX entries_by_expires_at ON entries (expires_at) WHERE expires_at > 0;
CREATE INDEX entries_by_alias ON entries (parent_id) WHERE substr(selectors, 1, 12) = '["spiffe_id:';

CREATE TABLE entry_federations (
  key INTEGER PRIMARY KEY,
  entry INTEGER NOT NULL REFERENCES entries (key) ON DELETE CASCADE,
  trust_domain TEXT NOT NULL REFERENCES bundles (trust_domain),
  UNIQUE (entry, trust_domain)
) STRICT;

CREATE INDEX entry_federations_by_trust_domain ON entry_federations (trust_domain);

CREATE TABLE attested_nodes (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  n INTEGER NOT NULL UNIQUE,
  attestation_type TEXT NOT NULL,
  selectors TEXT NOT NULL,
  serial_number TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  pending_serial_number TEXT NOT NULL,
  pending_expires_at INTEGER NOT NULL,
  banned INTEGER NOT NULL CHECK (banned IN (0, 1)),
  can_reattest INTEGER NOT NULL CHECK (can_reattest IN (0, 1)),
  agent_version TEXT NOT NULL
) STRICT;

CREATE TABLE join_tokens (
  key INTEGER PRIMARY KEY,
  value_sha256 BLOB NOT NULL UNIQUE,
  expires_at INTEGER NOT NULL,
  alias_entry_id TEXT
) STRICT;

CREATE INDEX join_tokens_by_expires_at ON join_tokens (expires_at);

CREATE TABLE authorities (
  key INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  n INTEGER NOT NULL UNIQUE,
  server_id TEXT NOT NULL REFERENCES servers (id),
  state TEXT NOT NULL,
  key_id TEXT NOT NULL,
  public_key BLOB NOT NULL,
  upstream_id TEXT NOT NULL,
  issued_at INTEGER NOT NULL,
  not_after INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  UNIQUE (kind, id)
) STRICT;

CREATE TABLE authority_certificates (
  key INTEGER PRIMARY KEY,
  authority INTEGER NOT NULL REFERENCES authorities (key) ON DELETE CASCADE,
  role TEXT NOT NULL CHECK (role IN ('chain', 'anchor')),
  certificate BLOB NOT NULL
) STRICT;

CREATE INDEX authority_certificates_by_authority ON authority_certificates (authority);

CREATE TABLE authority_journal (
  key INTEGER PRIMARY KEY,
  n INTEGER NOT NULL,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  server_id TEXT NOT NULL,
  state TEXT NOT NULL,
  key_id TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;
`;
