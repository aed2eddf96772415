import type { ApiKey, AuditEntry } from '../core/api-key.ts'
import type { PostgresConnection } from './postgres-connection.ts'
import type { AuditStore, KeyStore } from './store.ts'

/** So many entries of the audit log are kept. */
const auditEntries = 100_000

/** Keys and the audit log in PostgreSQL: key-rows.ts has the same for SQLite. */
export function postgresKeys(connection: PostgresConnection): { readonly keys: KeyStore; readonly audit: AuditStore } {
  return {
    keys: {
      async all() {
        const { rows } = await connection.query('SELECT body, last_used_at FROM api_keys ORDER BY created_at, id')
        return rows.map((row): ApiKey => {
          const key: ApiKey = JSON.parse(String(row.body))
          return Number(row.last_used_at) === 0 ? key : { ...key, lastUsedAt: Number(row.last_used_at) }
        })
      },
      put: ({ lastUsedAt, ...key }) =>
        connection.inTransaction(async (asker) => {
          // The counter first: two that put at the same time do so one after the other.
          await asker.query('UPDATE key_changes SET number = number + 1')
          await asker.query(
            `INSERT INTO api_keys (id, created_at, last_used_at, body) VALUES ($1, $2, $3, $4)
               ON CONFLICT (id) DO UPDATE SET body = excluded.body`,
            [key.id, Math.round(key.createdAt), Math.round(lastUsedAt ?? 0), JSON.stringify(key)],
          )
        }),
      async used(times) {
        await connection.query(
          `UPDATE api_keys SET last_used_at = greatest(last_used_at, used.at)
             FROM unnest($1::text[], $2::bigint[]) AS used (id, at) WHERE api_keys.id = used.id`,
          [[...times.keys()], [...times.values()].map(Math.round)],
        )
      },
      async changes() {
        const { rows } = await connection.query('SELECT number FROM key_changes')
        return Number(rows[0]?.number)
      },
    },
    audit: {
      async append(entry) {
        const { rows } = await connection.query('INSERT INTO audit (at, body) VALUES ($1, $2) RETURNING seq', [
          Math.round(entry.at),
          JSON.stringify(entry),
        ])
        await connection.query('DELETE FROM audit WHERE seq <= $1', [Number(rows[0]?.seq) - auditEntries])
      },
      async recent(limit) {
        const { rows } = await connection.query('SELECT body FROM audit ORDER BY seq DESC LIMIT $1', [limit])
        return rows.map((row): AuditEntry => JSON.parse(String(row.body)))
      },
    },
  }
}
