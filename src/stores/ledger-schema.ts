/**
 * Sums of requests by hour, model, backend and caller, as `usageOf` (usage.ts) makes them of receipts. Part of a
 * migration that was released: it is never edited, though it is asked elsewhere, too.
 */
export function usageSelect(where: string): string {
  const input = 'input_tokens + cache_read_tokens + cache_write_tokens + cache_write_hour_tokens'
  return `WITH shares AS (
      SELECT started_at, model, backend, caller,
        dialect NOT IN ('shadow', 'judge', 'self-check', 'calibration', 'cache-check') AS requests,
        status <> 'answered' AS failed,
        CASE WHEN attempt_count = 1 THEN ${input} ELSE 0 END AS input_tokens,
        CASE WHEN attempt_count = 1 THEN output_tokens + reasoning_tokens ELSE 0 END AS output_tokens,
        CASE WHEN attempt_count > 1 THEN 0 ELSE coalesce(cost_nanodollars, 0) END AS cost,
        cost_nanodollars IS NULL AS unpriced,
        CASE WHEN cost_nanodollars IS NULL THEN 0 ELSE baseline_nanodollars END AS baseline_cost,
        cache IN ('hit', 'coalesced', 'semantic') AS cache_hits, cache = 'miss' AS cache_misses, 1 AS row_count
      FROM requests WHERE ${where}
      UNION ALL
      SELECT started_at, attempt.value ->> 'model', attempt.value ->> 'backend', caller, 0, 0,
        (attempt.value ->> '$.usage.input') + (attempt.value ->> '$.usage.cacheRead')
          + (attempt.value ->> '$.usage.cacheWrite') + (attempt.value ->> '$.usage.cacheWriteHour'),
        (attempt.value ->> '$.usage.output') + (attempt.value ->> '$.usage.reasoning'),
        coalesce(attempt.value ->> 'cost', 0), 0, 0, 0, 0, 0
      FROM requests, json_each(attempts) AS attempt WHERE attempt_count > 1 AND ${where}
    )
    SELECT started_at / 3600000 AS hour, model, backend, caller, min(started_at) AS first_at, sum(requests) AS requests,
      sum(failed) AS failed, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, sum(cost) AS cost,
      sum(unpriced) AS unpriced, sum(baseline_cost) AS baseline_cost, sum(cache_hits) AS cache_hits,
      sum(cache_misses) AS cache_misses, sum(row_count) AS row_count
    FROM shares GROUP BY hour, model, backend, caller`
}

/** Forward-only. A statement that was released is never edited; a change is a new entry at the end. */
export const migrations: readonly string[] = [
  `CREATE TABLE requests (
     row_id TEXT PRIMARY KEY,
     id TEXT NOT NULL,
     writer TEXT NOT NULL,
     status TEXT NOT NULL,
     started_at INTEGER NOT NULL,
     duration_ms INTEGER NOT NULL,
     first_content_ms INTEGER,
     dialect TEXT NOT NULL,
     stream INTEGER NOT NULL,
     requested_model TEXT NOT NULL,
     model TEXT NOT NULL,
     provider TEXT NOT NULL,
     backend TEXT NOT NULL,
     error_code TEXT NOT NULL,
     cache TEXT NOT NULL,
     input_tokens INTEGER NOT NULL,
     cache_read_tokens INTEGER NOT NULL,
     cache_write_tokens INTEGER NOT NULL,
     cache_write_hour_tokens INTEGER NOT NULL,
     output_tokens INTEGER NOT NULL,
     reasoning_tokens INTEGER NOT NULL,
     estimated INTEGER NOT NULL,
     cost_nanodollars INTEGER,
     price_version TEXT NOT NULL,
     baseline_nanodollars INTEGER NOT NULL,
     baseline_version TEXT NOT NULL,
     complexity REAL NOT NULL,
     factors TEXT NOT NULL,
     reasoning TEXT NOT NULL,
     recommended_model TEXT NOT NULL,
     degraded INTEGER NOT NULL,
     attempts TEXT NOT NULL,
     attempt_count INTEGER NOT NULL,
     prompt_hash TEXT NOT NULL
   ) STRICT;
   CREATE INDEX requests_id ON requests (id);
   CREATE INDEX requests_started_at ON requests (started_at);
   CREATE INDEX requests_open ON requests (writer) WHERE status = 'open';`,
  `ALTER TABLE requests ADD COLUMN caller TEXT NOT NULL DEFAULT '';
   ALTER TABLE requests ADD COLUMN assessment TEXT;
   CREATE TABLE labels (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     at INTEGER NOT NULL,
     model TEXT NOT NULL,
     source TEXT NOT NULL,
     client TEXT NOT NULL,
     body TEXT NOT NULL,
     revoked INTEGER NOT NULL DEFAULT 0
   ) STRICT;
   CREATE INDEX labels_model ON labels (model, seq);
   CREATE INDEX labels_client ON labels (client, at);
   CREATE TABLE evidence_versions (
     number INTEGER PRIMARY KEY,
     at INTEGER NOT NULL,
     note TEXT NOT NULL,
     watermark INTEGER NOT NULL
   ) STRICT;`,
  // A judgement that was replaced stays for the versions that hold it, so an id may have several rows: one of them counts.
  `CREATE TABLE label_rows (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL,
     at INTEGER NOT NULL,
     model TEXT NOT NULL,
     source TEXT NOT NULL,
     client TEXT NOT NULL,
     body TEXT NOT NULL,
     revoked INTEGER NOT NULL DEFAULT 0
   ) STRICT;
   INSERT INTO label_rows SELECT seq, id, at, model, source, client, body, revoked FROM labels;
   DROP TABLE labels;
   ALTER TABLE label_rows RENAME TO labels;
   CREATE UNIQUE INDEX labels_id ON labels (id) WHERE revoked = 0;
   CREATE INDEX labels_model ON labels (model, revoked, seq);
   CREATE INDEX labels_client ON labels (client, at);
   ALTER TABLE evidence_versions ADD COLUMN revoked TEXT NOT NULL DEFAULT '[]';
   CREATE TABLE label_changes (number INTEGER NOT NULL) STRICT;
   INSERT INTO label_changes VALUES (0);`,
  `CREATE TABLE api_keys (
     id TEXT PRIMARY KEY,
     created_at INTEGER NOT NULL,
     last_used_at INTEGER NOT NULL DEFAULT 0,
     body TEXT NOT NULL
   ) STRICT;
   CREATE TABLE key_changes (number INTEGER NOT NULL) STRICT;
   INSERT INTO key_changes VALUES (0);
   CREATE TABLE audit (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     at INTEGER NOT NULL,
     body TEXT NOT NULL
   ) STRICT;`,
  `CREATE TABLE usage_hours (
     hour INTEGER NOT NULL,
     model TEXT NOT NULL,
     backend TEXT NOT NULL,
     caller TEXT NOT NULL,
     first_at INTEGER NOT NULL,
     requests INTEGER NOT NULL,
     failed INTEGER NOT NULL,
     input_tokens INTEGER NOT NULL,
     output_tokens INTEGER NOT NULL,
     cost INTEGER NOT NULL,
     unpriced INTEGER NOT NULL,
     baseline_cost INTEGER NOT NULL,
     cache_hits INTEGER NOT NULL,
     cache_misses INTEGER NOT NULL,
     row_count INTEGER NOT NULL,
     PRIMARY KEY (hour, model, backend, caller)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX requests_open_since ON requests (started_at) WHERE status = 'open';
   CREATE INDEX requests_pages ON requests (started_at, row_id);
   DROP INDEX requests_started_at;
   INSERT INTO usage_hours ${usageSelect("status <> 'open'")};`,
  // Hours by caller and model are many where callers are; of days there are few whatever is asked for. `hour` is the one
  // with which the day begins.
  `CREATE TABLE usage_days (
     hour INTEGER NOT NULL,
     model TEXT NOT NULL,
     backend TEXT NOT NULL,
     caller TEXT NOT NULL,
     first_at INTEGER NOT NULL,
     requests INTEGER NOT NULL,
     failed INTEGER NOT NULL,
     input_tokens INTEGER NOT NULL,
     output_tokens INTEGER NOT NULL,
     cost INTEGER NOT NULL,
     unpriced INTEGER NOT NULL,
     baseline_cost INTEGER NOT NULL,
     cache_hits INTEGER NOT NULL,
     cache_misses INTEGER NOT NULL,
     row_count INTEGER NOT NULL,
     PRIMARY KEY (hour, model, backend, caller)
   ) STRICT, WITHOUT ROWID;
   INSERT INTO usage_days SELECT hour / 24 * 24 AS day, model, backend, caller, min(first_at), sum(requests), sum(failed),
     sum(input_tokens), sum(output_tokens), sum(cost), sum(unpriced), sum(baseline_cost), sum(cache_hits),
     sum(cache_misses), sum(row_count) FROM usage_hours GROUP BY day, model, backend, caller;`,
]
