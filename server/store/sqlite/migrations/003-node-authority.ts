/**
 * Schema 3: under which authority a node's SVID was, so that a revocation knows it after a restart. Never edited once
 * released: migrations.test.ts pins its hash.
 */
export const nodeAuthority = `
ALTER TABLE attested_nodes ADD COLUMN authority_id TEXT NOT NULL DEFAULT '';
ALTER TABLE attested_nodes ADD COLUMN seen_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attested_nodes ADD COLUMN syncs INTEGER NOT NULL DEFAULT 0 CHECK (syncs IN (0, 1));
`;
