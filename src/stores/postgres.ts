import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Receipt } from '../core/receipt.ts'
import { type Asker, PostgresConnection, type PostgresOptions } from './postgres-connection.ts'
import { postgresKeys } from './postgres-keys.ts'
import { postgresLabels } from './postgres-labels.ts'
import { addUsage, oldestKept, postgresUsage } from './postgres-usage.ts'
import { columns, fromRow, type Row, toRow } from './receipt-row.ts'
import { listEnd, listRows, placeOf, type Statement, toRowList } from './row-list.ts'
import type { LedgerStore, ListOptions, PageOptions, PruneOptions, RowList } from './store.ts'
import { lastOfEach, usageOf } from './usage.ts'

/** A gateway that has not written its name for so long is gone, and what it left open was interrupted. */
const goneSeconds = 60
const beatMs = 10_000
const closedAtOnce = 500

const updates = columns.slice(1).map((column) => `${column} = excluded.${column}`)

/**
 * The ledger in PostgreSQL, for several gateways. Throws where it cannot be reached, was written by a newer version, or
 * has another history.
 */
export async function openPostgresLedger(options: PostgresOptions): Promise<LedgerStore> {
  const connection = new PostgresConnection(options)
  try {
    await connection.migrate()
  } catch (error) {
    await connection.close().catch(() => {})
    throw error
  }
  // In containers every process has the same number.
  const writer = `${hostname()}:${process.pid}:${randomUUID()}`
  const beat = async () => {
    await connection.query(
      'INSERT INTO writers VALUES ($1, now()) ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at',
      [writer],
    )
  }
  await beat()
  const beating = setInterval(() => void beat().catch(() => {}), beatMs).unref()

  return {
    description: `PostgreSQL at ${addressOf(options.url)}`,
    write: (rows) => connection.inTransaction((asker) => writeRows(asker, rows, writer)),
    replace: (rows) => connection.inTransaction((asker) => replaceRows(asker, rows, writer)),
    ...postgresUsage(connection),
    page: (page) => pageOf(connection, page),
    list: (list) => listOf(connection, list),
    prune: (rows) => prune(connection, rows),
    async find(id) {
      const { rows } = await connection.query('SELECT * FROM requests WHERE id = $1 ORDER BY started_at DESC LIMIT 1', [
        id,
      ])
      return rows[0] === undefined ? undefined : fromRow(rows[0] as Row)
    },
    async recent(limit) {
      const { rows } = await connection.query('SELECT * FROM requests ORDER BY started_at DESC, row_id DESC LIMIT $1', [
        limit,
      ])
      return rows.map((row) => fromRow(row as Row))
    },
    labels: postgresLabels(connection),
    ...postgresKeys(connection),
    closeOrphans: () => closeOrphans(connection, writer),
    async close() {
      clearInterval(beating)
      await connection.query('DELETE FROM writers WHERE name = $1', [writer]).catch(() => {})
      await connection.close()
    },
  }
}

/** A row that is open does not replace one that is closed: it comes late. */
async function writeRows(asker: Asker, all: readonly Receipt[], writer: string): Promise<void> {
  const rows = lastOfEach(all)
  if (rows.length === 0) return
  const insert = (receipts: readonly Receipt[], conflict: string) =>
    asker.query(
      `INSERT INTO requests (${columns.join(', ')})
         SELECT ${columns.join(', ')} FROM json_populate_recordset(NULL::requests, $1) ORDER BY row_id
         ON CONFLICT (row_id) DO ${conflict} RETURNING row_id`,
      [JSON.stringify(receipts.map((receipt) => textRow(toRow(receipt, writer))))],
    )
  // Which rows are new is known only once they are in: the same batch may be sent twice, where its answer was lost.
  const fresh = new Set((await insert(rows, 'NOTHING')).rows.map((row) => row.row_id))
  const others = rows.filter(({ rowId }) => !fresh.has(rowId))
  const closed = others.length === 0 ? [] : await closedRows(asker, others)
  const ids = new Set(closed.map(({ rowId }) => rowId))
  const replacing = others.filter(({ rowId, status }) => status !== 'open' || !ids.has(rowId))
  if (replacing.length > 0) await insert(replacing, `UPDATE SET ${updates.join(', ')}`)
  const written = [...rows.filter(({ rowId }) => fresh.has(rowId)), ...replacing]
  const replaced = new Set(replacing.map(({ rowId }) => rowId))
  const before = closed.filter(({ rowId }) => replaced.has(rowId))
  await addUsage(asker, usageOf(written, before))
}

async function replaceRows(asker: Asker, rows: readonly Receipt[], writer: string): Promise<number> {
  const known = new Set((await closedRows(asker, rows)).map(({ rowId }) => rowId))
  const replacing = rows.filter(({ rowId, status }) => status !== 'open' && known.has(rowId))
  await writeRows(asker, replacing, writer)
  return replacing.length
}

/** Of the rows those that are closed already. Nobody changes any of them before this transaction is over. */
async function closedRows(asker: Asker, receipts: readonly Receipt[]): Promise<readonly Receipt[]> {
  const { rows } = await asker.query('SELECT * FROM requests WHERE row_id = ANY($1) ORDER BY row_id FOR UPDATE', [
    receipts.map(({ rowId }) => rowId),
  ])
  return rows.filter(({ status }) => status !== 'open').map((row) => fromRow(row as Row))
}

/** PostgreSQL holds no text with a zero character. */
function textRow(row: Row): Row {
  const entries = Object.entries(row).map(([name, value]) => [
    name,
    typeof value === 'string' ? value.replaceAll('\0', '�').replaceAll('\\u0000', '\\ufffd') : value,
  ])
  return Object.fromEntries(entries) as Row
}

async function closeOrphans(connection: PostgresConnection, writer: string): Promise<number> {
  await connection.query(`DELETE FROM writers WHERE seen_at < now() - interval '1 day'`)
  for (let count = 0; ; ) {
    const closed = await connection.inTransaction(async (asker) => {
      const { rows } = await asker.query(
        `SELECT * FROM requests WHERE status = 'open' AND writer <> $1
           AND writer NOT IN (SELECT name FROM writers WHERE seen_at > now() - make_interval(secs => $2))
           ORDER BY row_id LIMIT $3 FOR UPDATE SKIP LOCKED`,
        [writer, goneSeconds, closedAtOnce],
      )
      const receipts = rows.map((row) => ({
        ...fromRow(row as Row),
        status: 'interrupted' as const,
        estimated: true,
      }))
      await writeRows(asker, receipts, writer)
      return receipts.length
    })
    count += closed
    if (closed < closedAtOnce) return count
  }
}

async function pageOf(asker: Asker, { after, since = 0, until, limit }: PageOptions): Promise<readonly Receipt[]> {
  const { rows } = await asker.query(
    `SELECT * FROM requests WHERE (started_at, row_id) > ($1, $2) AND started_at >= $3 AND started_at < $4
       ORDER BY started_at, row_id LIMIT $5`,
    [after?.startedAt ?? -1, after?.rowId ?? '', Math.ceil(since), until ?? Number.MAX_SAFE_INTEGER, limit],
  )
  return rows.map((row) => fromRow(row as Row))
}

async function listOf(asker: Asker, options: ListOptions): Promise<RowList> {
  const ask = async ({ text, values }: Statement) => (await asker.query(text, values)).rows
  const end = placeOf((await ask(listEnd(options, '$')))[0])
  return toRowList(await ask(listRows(options, end, '$')), options, end)
}

/** Another gateway that does so at the same time takes other rows. */
async function prune(asker: Asker, { before, keep, limit }: PruneOptions): Promise<number> {
  const { rowCount } = await asker.query(
    `DELETE FROM requests WHERE row_id IN (
       SELECT row_id FROM requests WHERE started_at < $1 AND status <> 'open'
       ORDER BY started_at, row_id LIMIT $2 FOR UPDATE SKIP LOCKED)`,
    [Math.max(before, await oldestKept(asker, keep)), limit],
  )
  return rowCount ?? 0
}

/** Without user and password. */
function addressOf(url: string): string {
  const { host, pathname } = new URL(url)
  return `${host}${pathname}`
}
