/**
 * What is stored, in SQL that SQLite and PostgreSQL both take. Tables are append-only but for `chain_view`, which repeats
 * what the chain says anyway. `transfer` is double entry: every row moves an amount from one account to another.
 */

/** Numbered; applied in order, each once, never changed after a release. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE channel (address TEXT PRIMARY KEY, terms TEXT NOT NULL, payer_key BLOB NOT NULL, payee_key_id TEXT NOT NULL, opened_at BIGINT NOT NULL);
  CREATE TABLE chain_view (address TEXT PRIMARY KEY, status INTEGER NOT NULL, deposited BIGINT NOT NULL, settled BIGINT NOT NULL);
  CREATE TABLE authorisation (channel TEXT NOT NULL, ceiling BIGINT NOT NULL, signature BLOB NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (channel, ceiling));
  CREATE TABLE api_key (hash TEXT PRIMARY KEY, channel TEXT NOT NULL, label TEXT, created_at BIGINT NOT NULL);
  CREATE TABLE transfer (seq BIGINT PRIMARY KEY, rid TEXT NOT NULL, kind TEXT NOT NULL, channel TEXT NOT NULL, debit TEXT NOT NULL, credit TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount >= 0), at BIGINT NOT NULL);
  CREATE TABLE statement (channel TEXT NOT NULL, seq BIGINT NOT NULL, rid TEXT NOT NULL UNIQUE, receipt_hash BLOB NOT NULL, cost BIGINT NOT NULL CHECK (cost >= 0),
    spent BIGINT NOT NULL, prev BLOB NOT NULL, hash BLOB NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (channel, seq));
  CREATE TABLE receipt (rid TEXT PRIMARY KEY, channel TEXT NOT NULL, payload BLOB NOT NULL, cost BIGINT NOT NULL, model TEXT NOT NULL, worker TEXT NOT NULL,
    evidence TEXT NOT NULL, usage TEXT NOT NULL, finish TEXT, at BIGINT NOT NULL);
  CREATE TABLE evidence (digest TEXT PRIMARY KEY, keyset BLOB NOT NULL, quote BLOB NOT NULL, at BIGINT NOT NULL);
  CREATE TABLE claim (channel TEXT NOT NULL, amount BIGINT NOT NULL, root BLOB NOT NULL, signature BLOB NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (channel, amount));
  `,
  // What a caller named with an idempotency key and was charged for: a digest of that name, never the name.
  'CREATE TABLE once (digest TEXT PRIMARY KEY, rid TEXT NOT NULL, at BIGINT NOT NULL)',
  // Keys with limits that can be revoked, and channels that were closed by agreement: stopped for good, then released.
  `
  ALTER TABLE receipt ADD COLUMN key_hash TEXT;
  CREATE TABLE key_limits (hash TEXT PRIMARY KEY, limits TEXT NOT NULL);
  CREATE TABLE key_revoked (hash TEXT PRIMARY KEY, at BIGINT NOT NULL);
  CREATE TABLE stopped (channel TEXT PRIMARY KEY, at BIGINT NOT NULL);
  CREATE TABLE release (channel TEXT PRIMARY KEY, min_settled BIGINT NOT NULL, signature BLOB NOT NULL, at BIGINT NOT NULL);
  `,
]

/** The writes, by name, with their parameters in order. */
export const statements = {
  openChannel:
    'INSERT INTO channel (address, terms, payer_key, payee_key_id, opened_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (address) DO NOTHING',
  noteChain:
    'INSERT INTO chain_view (address, status, deposited, settled) VALUES (?, ?, ?, ?) ON CONFLICT (address) DO UPDATE SET status = excluded.status, deposited = excluded.deposited, settled = excluded.settled',
  authorise: 'INSERT INTO authorisation (channel, ceiling, signature, at) VALUES (?, ?, ?, ?) ON CONFLICT (channel, ceiling) DO NOTHING',
  limitKey: 'INSERT INTO key_limits (hash, limits) VALUES (?, ?)',
  revokeKey: 'INSERT INTO key_revoked (hash, at) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING',
  stop: 'INSERT INTO stopped (channel, at) VALUES (?, ?) ON CONFLICT (channel) DO NOTHING',
  release: 'INSERT INTO release (channel, min_settled, signature, at) VALUES (?, ?, ?, ?) ON CONFLICT (channel) DO NOTHING',
  addKey: 'INSERT INTO api_key (hash, channel, label, created_at) VALUES (?, ?, ?, ?)',
  transfer: 'INSERT INTO transfer (seq, rid, kind, channel, debit, credit, amount, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  entry: 'INSERT INTO statement (channel, seq, rid, receipt_hash, cost, spent, prev, hash, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  receipt:
    'INSERT INTO receipt (rid, channel, payload, cost, model, worker, evidence, usage, finish, at, key_hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  evidence: 'INSERT INTO evidence (digest, keyset, quote, at) VALUES (?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING',
  claim: 'INSERT INTO claim (channel, amount, root, signature, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (channel, amount) DO NOTHING',
  once: 'INSERT INTO once (digest, rid, at) VALUES (?, ?, ?)',
} as const

/** The reads, by name. */
export const queries = {
  channels: 'SELECT address, terms, payer_key, payee_key_id, opened_at FROM channel ORDER BY opened_at, address',
  chainViews: 'SELECT address, status, deposited, settled FROM chain_view',
  authorisations: 'SELECT channel, ceiling, signature FROM authorisation ORDER BY channel, ceiling',
  keys: 'SELECT k.hash, k.channel, k.label, k.created_at, l.limits, r.at AS revoked_at FROM api_key k LEFT JOIN key_limits l ON l.hash = k.hash LEFT JOIN key_revoked r ON r.hash = k.hash',
  keySpending: 'SELECT key_hash, SUM(cost) AS spent FROM receipt WHERE key_hash IS NOT NULL AND at >= ? GROUP BY key_hash',
  stopped: 'SELECT channel FROM stopped',
  releases: 'SELECT channel, min_settled, signature FROM release',
  page: 'SELECT s.seq, s.rid, s.receipt_hash, s.cost, s.spent, s.prev, s.hash, s.at, r.payload, r.model, r.worker, r.evidence FROM statement s JOIN receipt r ON r.rid = s.rid WHERE s.channel = ? AND s.seq > ? ORDER BY s.seq LIMIT ?',
  claims: 'SELECT channel, amount, root, signature FROM claim ORDER BY channel, amount',
  statement: 'SELECT channel, seq, rid, receipt_hash, cost, spent, prev, hash FROM statement ORDER BY channel, seq',
  posted: 'SELECT rid, channel, cost, receipt_hash FROM statement ORDER BY at DESC, seq DESC LIMIT ?',
  balances: 'SELECT channel, kind, SUM(amount) AS total FROM transfer GROUP BY channel, kind',
  open: "SELECT t.rid, t.channel, t.amount FROM transfer t WHERE t.kind = 'reserve' AND NOT EXISTS (SELECT 1 FROM transfer e WHERE e.rid = t.rid AND e.kind IN ('post', 'void') AND e.seq > t.seq)",
  badReceipt:
    'SELECT s.channel, s.seq FROM statement s LEFT JOIN receipt r ON r.rid = s.rid AND r.channel = s.channel AND r.cost = s.cost AND sha256(r.payload) = s.receipt_hash WHERE r.rid IS NULL ORDER BY s.channel, s.seq LIMIT 1',
  lastTransfer: 'SELECT COALESCE(MAX(seq), 0) AS seq FROM transfer',
  recent: 'SELECT rid, channel, cost, model, worker, evidence, usage, finish, at FROM receipt ORDER BY at DESC, rid LIMIT ?',
  receipt: 'SELECT payload, cost, channel FROM receipt WHERE rid = ?',
  evidence:
    'SELECT e.keyset, e.quote, e.at FROM evidence e WHERE e.digest = ? AND EXISTS (SELECT 1 FROM receipt r WHERE r.channel = ? AND r.evidence = e.digest)',
  once: 'SELECT rid FROM once WHERE digest = ?',
} as const

export const indexes = [
  'CREATE INDEX IF NOT EXISTS transfer_rid ON transfer (rid)',
  'CREATE INDEX IF NOT EXISTS receipt_at ON receipt (at)',
]

export type StatementName = keyof typeof statements
export type QueryName = keyof typeof queries
/** A value as stores take and give it; amounts travel as bigint. */
export type Value = string | number | bigint | Uint8Array | null
export type Write = readonly [name: StatementName, ...parameters: Value[]]
export type Row = Readonly<Record<string, Value>>
