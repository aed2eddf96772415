import type { DatabaseSync } from 'node:sqlite'
import type { Receipt } from '../core/receipt.ts'
import { groupsOf } from './groups.ts'
import { usageSelect } from './ledger-schema.ts'
import { columns, fromRow, type Row, toRow } from './receipt-row.ts'
import { listEnd, listRows, placeOf, type Statement, toRowList } from './row-list.ts'
import type { LedgerStats, ListOptions, PageOptions, PruneOptions, RowList } from './store.ts'
import { daysOf, type HourOfUsage, hourMs, hoursOfDay, lastOfEach, partsOf, usageOf } from './usage.ts'
import {
  differences,
  fromUsageRow,
  fullAt,
  spentSelect,
  toUsageRow,
  usageColumns,
  usageConflict,
  usageSums,
} from './usage-row.ts'

/** Receipts and their sums in SQLite, for the thread that owns the file. */

const places = (names: readonly string[]) => names.map((name) => `:${name}`).join(', ')
const insertRow = `INSERT OR REPLACE INTO requests (${columns.join(', ')}) VALUES (${places(columns)})`
const addTo = (table: string) =>
  `INSERT INTO ${table} (${usageColumns.join(', ')}) VALUES (${places(usageColumns)}) ${usageConflict(table, 'min')}`
const edge = usageSelect("status <> 'open' AND started_at >= :since AND started_at < :until")
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
  addUsage(db, usageOf(written, replaced))
}

function addUsage(db: DatabaseSync, usages: readonly HourOfUsage[]): void {
  const addHour = db.prepare(addTo('usage_hours'))
  for (const usage of usages) addHour.run(toUsageRow(usage))
  const addDay = db.prepare(addTo('usage_days'))
  for (const usage of daysOf(usages)) addDay.run(toUsageRow(usage))
}

/** Writes those anew that are there and closed; says how many. */
export function replaceRows(db: DatabaseSync, rows: readonly Receipt[], writer: string): number {
  const known = db.prepare("SELECT 1 FROM requests WHERE row_id = ? AND status <> 'open'")
  const replacing = rows.filter(({ rowId, status }) => status !== 'open' && known.get(rowId) !== undefined)
  writeRows(db, replacing, writer)
  return replacing.length
}

/** Closes what the writer left open, of that what was seen last before then (milliseconds since 1970). Says how many. */
export function closeRowsOf(db: DatabaseSync, writer: string, seenBefore: number): number {
  const open = db.prepare(
    "SELECT * FROM requests WHERE writer = ? AND status = 'open' AND started_at + duration_ms < ? LIMIT ?",
  )
  for (let count = 0; ; ) {
    const rows = open.all(writer, seenBefore, closedAtOnce)
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
  const { firstHour, firstDay } = partsOf(since)
  const whole = db.prepare(usageSums(':firstHour', ':firstDay')).all({ firstHour, firstDay })
  const until = firstHour * hourMs
  const rest = since === until ? [] : db.prepare(edge).all({ since, until })
  return groupsOf([...whole, ...rest].map(fromUsageRow), since)
}

/** What open requests have used so far counts, too. */
export function spentSince(db: DatabaseSync, since: number): ReadonlyMap<string, number> {
  const { firstHour, firstDay } = partsOf(since)
  const rows = db
    .prepare(spentSelect({ firstHour: ':firstHour', firstDay: ':firstDay', since: ':since', edge }))
    .all({ firstHour, firstDay, since, until: firstHour * hourMs })
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

export function listOf(db: DatabaseSync, options: ListOptions): RowList {
  const ask = ({ text, values }: Statement) => db.prepare(text).all(...values)
  const end = placeOf(ask(listEnd(options, '?'))[0])
  return toRowList(ask(listRows(options, end, '?')), options, end)
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
  const day = db.prepare(fullAt('usage_days', '?')).get(0, Number.MAX_SAFE_INTEGER, keep)
  if (day === undefined) return 0
  const first = Number(day.hour)
  const hour = db.prepare(fullAt('usage_hours', '?')).get(first, first + hoursOfDay, keep - Number(day.newer))
  return (Number(hour?.hour ?? first) + 1) * hourMs
}

export function usageSince(db: DatabaseSync, since: number): readonly HourOfUsage[] {
  const rows = db.prepare('SELECT * FROM usage_hours WHERE hour >= ? ORDER BY hour').all(Math.ceil(since / hourMs))
  return rows.map(fromUsageRow)
}

export function checkUsage(db: DatabaseSync, hour: number): boolean {
  const values = { hour, day: hour - (hour % hoursOfDay), since: hour * hourMs, until: (hour + 1) * hourMs }
  return db.prepare(differences({ hour: ':hour', day: ':day' }, edge)).get(values)?.number === 0
}
