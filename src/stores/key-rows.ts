import type { DatabaseSync } from 'node:sqlite'
import type { ApiKey, AuditEntry } from '../core/api-key.ts'

/** Keys and the audit log in SQLite, for the thread that owns the file. */

/** So many entries of the audit log are kept. */
const auditEntries = 100_000

export function allKeys(db: DatabaseSync): readonly ApiKey[] {
  const rows = db.prepare('SELECT body, last_used_at FROM api_keys ORDER BY created_at, id').all()
  return rows.map((row): ApiKey => {
    const key: ApiKey = JSON.parse(String(row.body))
    return Number(row.last_used_at) === 0 ? key : { ...key, lastUsedAt: Number(row.last_used_at) }
  })
}

export function putKey(db: DatabaseSync, { lastUsedAt, ...key }: ApiKey): void {
  db.prepare(
    `INSERT INTO api_keys (id, created_at, last_used_at, body) VALUES (?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET body = excluded.body`,
  ).run(key.id, key.createdAt, lastUsedAt ?? 0, JSON.stringify(key))
  db.exec('UPDATE key_changes SET number = number + 1')
}

export function keysUsed(db: DatabaseSync, times: ReadonlyMap<string, number>): void {
  const statement = db.prepare('UPDATE api_keys SET last_used_at = max(last_used_at, ?) WHERE id = ?')
  for (const [id, at] of times) statement.run(Math.round(at), id)
}

export function keyChanges(db: DatabaseSync): number {
  return Number(db.prepare('SELECT number FROM key_changes').get()?.number)
}

export function appendAudit(db: DatabaseSync, entry: AuditEntry): void {
  const { lastInsertRowid } = db
    .prepare('INSERT INTO audit (at, body) VALUES (?, ?)')
    .run(Math.round(entry.at), JSON.stringify(entry))
  db.prepare('DELETE FROM audit WHERE seq <= ?').run(Number(lastInsertRowid) - auditEntries)
}

export function recentAudit(db: DatabaseSync, limit: number): readonly AuditEntry[] {
  const rows = db.prepare('SELECT body FROM audit ORDER BY seq DESC LIMIT ?').all(limit)
  return rows.map((row): AuditEntry => JSON.parse(String(row.body)))
}
