import type { DatabaseSync } from 'node:sqlite'
import type { Receipt } from '../core/receipt.ts'
import { groupsOf } from './groups.ts'
import {
  columns,
  fromRow,
  fromUsageRow,
  type Row,
  toRow,
  toUsageRow,
  usageColumns,
  usageConflict,
  usageSelect,
} from './ledger-schema.ts'
import type { LedgerStats, PageOptions, PruneOptions } from './store.ts'
import { type HourOfUsage, hourMs, lastOfEach, usageOf } from './usage.ts'

/** Receipts and their sums in SQLite, for the thread that owns the file. */

const places = (names: readonly string[]) => names.map((name) => `:${name}`).join(', ')
const insertRow = `INSERT OR REPLACE INTO requests (${columns.join(', ')}) VALUES (${places(columns)})`
const addUsage = `INSERT INTO usage_hours (${usageColumns.join(', ')}) VALUES (${places(usageColumns)}) ${usageConflict}`
/** Rows of a dead writer that are closed at once. */
const closedAtOnce = 500

/** A row that is open does not replace one that is closed: it comes late. */
export function writeRows(db: DatabaseSync, rows: readonly Receipt[], writer: string): void {
  const known = db.prepare("SELECT * FROM requests WHERE row_id = ? AND status <> 'open'")
  const insert = db.prepare(insertRow)
  const replaced: Receipt[] = []
  const written: Receipt[] = []
  for (const receipt of lastOfEach(rows)) {
    const before = known.get(receipt.rowId)
    if (before !== undefined && receipt.status === 'open') continue
    if (before !== undefined) replaced.push(fromRow(before as Row))
    insert.run(toRow(receipt, writer))
    written.push(receipt)
  }
  const add = db.prepare(addUsage)
  for (const usage of usageOf(written, replaced)) add.run(toUsageRow(usage))
}

/** Says how many were open. */
export function closeRowsOf(db: DatabaseSync, writer: string): number {
  const open = db.prepare("SELECT * FROM requests WHERE writer = ? AND status = 'open' LIMIT ?")
  for (let count = 0; ; ) {
    const rows = open.all(writer, closedAtOnce)
    if (rows.length === 0) return count
    count += rows.length
    const closed = rows.map((row) => ({ ...fromRow(row as Row), status: 'interrupted' as const, estimated: true }))
    writeRows(db, closed, writer)
  }
}

export function removeRows(db: DatabaseSync, rowIds: readonly string[]): void {
  const remove = db.prepare('DELETE FROM requests WHERE row_id = ?')
  for (const id of rowIds) remove.run(id)
}

export function statsSince(db: DatabaseSync, since: number): LedgerStats {
  const firstHour = Math.ceil(since / hourMs)
  const whole = db
    .prepare(
      `SELECT 0 AS hour, model, backend, '' AS caller, min(first_at) AS first_at,
         ${usageColumns.slice(5).map((name) => `sum(${name}) AS ${name}`)}
       FROM usage_hours WHERE hour >= ? GROUP BY model, backend`,
    )
    .all(firstHour)
  const edge =
    since === firstHour * hourMs
      ? []
      : db
          .prepare(usageSelect("status <> 'open' AND started_at >= :since AND started_at < :until"))
          .all({ since, until: firstHour * hourMs })
  return groupsOf([...whole, ...edge].map(fromUsageRow), since)
}

/** What open requests have used so far counts, too. */
export function spentSince(db: DatabaseSync, since: number): ReadonlyMap<string, number> {
  const firstHour = Math.ceil(since / hourMs)
  const rows = db
    .prepare(
      `SELECT caller, sum(cost) AS cost FROM (
         SELECT caller, cost FROM usage_hours WHERE hour >= :firstHour
         UNION ALL
         SELECT caller, cost FROM (${usageSelect("status <> 'open' AND started_at >= :since AND started_at < :until")})
         UNION ALL
         SELECT caller, coalesce(cost_nanodollars, 0) FROM requests WHERE status = 'open' AND started_at >= :since
       ) GROUP BY caller`,
    )
    .all({ firstHour, since, until: firstHour * hourMs })
  const byCaller = rows.map((row): [string, number] => [String(row.caller), Number(row.cost)])
  const all = byCaller.reduce((sum, [, cost]) => sum + cost, 0)
  return new Map([...byCaller, ['', all]])
}

export function pageOf(db: DatabaseSync, { after, since = 0, until, limit }: PageOptions): readonly Receipt[] {
  const rows = db
    .prepare(
      `SELECT * FROM requests WHERE (started_at, row_id) > (:startedAt, :rowId) AND started_at >= :since
         AND started_at < :until ORDER BY started_at, row_id LIMIT :limit`,
    )
    .all({
      startedAt: after?.startedAt ?? -1,
      rowId: after?.rowId ?? '',
      since,
      until: until ?? Number.MAX_SAFE_INTEGER,
      limit,
    })
  return rows.map((row) => fromRow(row as Row))
}

export function prune(db: DatabaseSync, { before, keep, limit }: PruneOptions): number {
  const cutoff = Math.max(before, oldestKept(db, keep))
  const { changes } = db
    .prepare(
      `DELETE FROM requests WHERE row_id IN (
         SELECT row_id FROM requests WHERE started_at < ? AND status <> 'open' ORDER BY started_at, row_id LIMIT ?)`,
    )
    .run(cutoff, limit)
  return Number(changes)
}

/** Where the hours begin that hold the newest `keep` rows; nobody counts rows for it. */
function oldestKept(db: DatabaseSync, keep: number): number {
  const row = db
    .prepare(
      `SELECT max(hour) AS hour FROM (
         SELECT hour, sum(sum(row_count)) OVER (ORDER BY hour DESC) AS newer FROM usage_hours GROUP BY hour
       ) WHERE newer > ?`,
    )
    .get(keep)
  return row?.hour == null ? 0 : (Number(row.hour) + 1) * hourMs
}

export function usageSince(db: DatabaseSync, since: number): readonly HourOfUsage[] {
  const rows = db.prepare('SELECT * FROM usage_hours WHERE hour >= ? ORDER BY hour').all(Math.ceil(since / hourMs))
  return rows.map(fromUsageRow)
}

export function checkUsage(db: DatabaseSync): readonly number[] {
  // When the first of them began is not taken back when that one is replaced.
  const names = usageColumns.filter((name) => name !== 'first_at').join(', ')
  const rows = db
    .prepare(
      `WITH of_rows AS (SELECT ${names} FROM (${usageSelect("status <> 'open'")})),
         kept AS (SELECT ${names} FROM usage_hours WHERE hour > (SELECT coalesce(min(started_at), 0) / 3600000 FROM requests)),
         compared AS (SELECT * FROM of_rows WHERE hour > (SELECT coalesce(min(started_at), 0) / 3600000 FROM requests))
       SELECT DISTINCT hour FROM (
         SELECT * FROM (SELECT * FROM compared EXCEPT SELECT * FROM kept)
         UNION ALL SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM compared)
       ) WHERE requests + failed + cost + row_count > 0 ORDER BY hour`,
    )
    .all()
  return rows.map(({ hour }) => Number(hour))
}
