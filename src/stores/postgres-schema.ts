/**
 * The tables of schema.ts in PostgreSQL. Forward-only, like those: a statement that was released is never edited.
 * Numbers of the ledger are BIGINT; what is JSON stays text, so that it comes back byte for byte.
 */
export const postgresMigrations: readonly string[] = [
  `CREATE TABLE requests (
     row_id TEXT PRIMARY KEY,
     id TEXT NOT NULL,
     writer TEXT NOT NULL,
     status TEXT NOT NULL,
     started_at BIGINT NOT NULL,
     duration_ms BIGINT NOT NULL,
     first_content_ms BIGINT,
     dialect TEXT NOT NULL,
     stream INTEGER NOT NULL,
     requested_model TEXT NOT NULL,
     model TEXT NOT NULL,
     provider TEXT NOT NULL,
     backend TEXT NOT NULL,
     error_code TEXT NOT NULL,
     cache TEXT NOT NULL,
     input_tokens BIGINT NOT NULL,
     cache_read_tokens BIGINT NOT NULL,
     cache_write_tokens BIGINT NOT NULL,
     cache_write_hour_tokens BIGINT NOT NULL,
     output_tokens BIGINT NOT NULL,
     reasoning_tokens BIGINT NOT NULL,
     estimated INTEGER NOT NULL,
     cost_nanodollars BIGINT,
     price_version TEXT NOT NULL,
     baseline_nanodollars BIGINT NOT NULL,
     baseline_version TEXT NOT NULL,
     complexity DOUBLE PRECISION NOT NULL,
     factors TEXT NOT NULL,
     reasoning TEXT NOT NULL,
     recommended_model TEXT NOT NULL,
     degraded INTEGER NOT NULL,
     attempts TEXT NOT NULL,
     attempt_count INTEGER NOT NULL,
     prompt_hash TEXT NOT NULL,
     caller TEXT NOT NULL,
     assessment TEXT
   );
   CREATE INDEX requests_id ON requests (id);
   CREATE INDEX requests_pages ON requests (started_at, row_id);
   CREATE INDEX requests_open ON requests (writer, started_at) WHERE status = 'open';
   CREATE TABLE usage_hours (
     hour BIGINT NOT NULL,
     model TEXT NOT NULL,
     backend TEXT NOT NULL,
     caller TEXT NOT NULL,
     first_at BIGINT NOT NULL,
     requests BIGINT NOT NULL,
     failed BIGINT NOT NULL,
     input_tokens BIGINT NOT NULL,
     output_tokens BIGINT NOT NULL,
     cost BIGINT NOT NULL,
     unpriced BIGINT NOT NULL,
     baseline_cost BIGINT NOT NULL,
     cache_hits BIGINT NOT NULL,
     cache_misses BIGINT NOT NULL,
     row_count BIGINT NOT NULL,
     PRIMARY KEY (hour, model, backend, caller)
   );
   CREATE TABLE writers (name TEXT PRIMARY KEY, seen_at TIMESTAMPTZ NOT NULL);
   CREATE TABLE labels (
     seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
     id TEXT NOT NULL,
     at BIGINT NOT NULL,
     model TEXT NOT NULL,
     source TEXT NOT NULL,
     client TEXT NOT NULL,
     body TEXT NOT NULL,
     revoked INTEGER NOT NULL DEFAULT 0
   );
   CREATE UNIQUE INDEX labels_id ON labels (id) WHERE revoked = 0;
   CREATE INDEX labels_model ON labels (model, revoked, seq);
   CREATE INDEX labels_client ON labels (client, at);
   CREATE TABLE label_changes (number BIGINT NOT NULL);
   INSERT INTO label_changes VALUES (0);
   CREATE TABLE evidence_versions (
     number BIGINT PRIMARY KEY,
     at BIGINT NOT NULL,
     note TEXT NOT NULL,
     watermark BIGINT NOT NULL,
     revoked TEXT NOT NULL DEFAULT '[]'
   );
   CREATE TABLE api_keys (
     id TEXT PRIMARY KEY,
     created_at BIGINT NOT NULL,
     last_used_at BIGINT NOT NULL DEFAULT 0,
     body TEXT NOT NULL
   );
   CREATE TABLE key_changes (number BIGINT NOT NULL);
   INSERT INTO key_changes VALUES (0);
   CREATE TABLE audit (
     seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
     at BIGINT NOT NULL,
     body TEXT NOT NULL
   );`,
  `CREATE TABLE usage_days (LIKE usage_hours INCLUDING ALL);
   INSERT INTO usage_days SELECT hour / 24 * 24 AS day, model, backend, caller, min(first_at), sum(requests), sum(failed),
     sum(input_tokens), sum(output_tokens), sum(cost), sum(unpriced), sum(baseline_cost), sum(cache_hits),
     sum(cache_misses), sum(row_count) FROM usage_hours GROUP BY day, model, backend, caller;`,
]

/** The sums of `usageSelect` (ledger-schema.ts), in PostgreSQL's words. */
export function postgresUsageSelect(where: string): string {
  const tokens = (name: string) => `(attempt -> 'usage' ->> '${name}')::bigint`
  return `WITH shares AS (
      SELECT started_at, model, backend, caller,
        (dialect NOT IN ('shadow', 'judge', 'self-check', 'calibration', 'cache-check'))::int AS requests,
        (status <> 'answered')::int AS failed,
        CASE WHEN attempt_count = 1
          THEN input_tokens + cache_read_tokens + cache_write_tokens + cache_write_hour_tokens ELSE 0 END AS input_tokens,
        CASE WHEN attempt_count = 1 THEN output_tokens + reasoning_tokens ELSE 0 END AS output_tokens,
        CASE WHEN attempt_count > 1 THEN 0 ELSE coalesce(cost_nanodollars, 0) END AS cost,
        (cost_nanodollars IS NULL)::int AS unpriced,
        CASE WHEN cost_nanodollars IS NULL THEN 0 ELSE baseline_nanodollars END AS baseline_cost,
        (cache IN ('hit', 'coalesced', 'semantic'))::int AS cache_hits, (cache = 'miss')::int AS cache_misses,
        1 AS row_count
      FROM requests WHERE ${where}
      UNION ALL
      SELECT started_at, attempt ->> 'model', attempt ->> 'backend', caller, 0, 0,
        ${tokens('input')} + ${tokens('cacheRead')} + ${tokens('cacheWrite')} + ${tokens('cacheWriteHour')},
        ${tokens('output')} + ${tokens('reasoning')},
        coalesce((attempt ->> 'cost')::bigint, 0), 0, 0, 0, 0, 0
      FROM requests, jsonb_array_elements(attempts::jsonb) AS attempt WHERE attempt_count > 1 AND ${where}
    )
    SELECT started_at / 3600000 AS hour, model, backend, caller, min(started_at) AS first_at, sum(requests) AS requests,
      sum(failed) AS failed, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, sum(cost) AS cost,
      sum(unpriced) AS unpriced, sum(baseline_cost) AS baseline_cost, sum(cache_hits) AS cache_hits,
      sum(cache_misses) AS cache_misses, sum(row_count) AS row_count
    FROM shares GROUP BY 1, 2, 3, 4`
}
