import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import type { ApiKey, AuditEntry } from '../core/api-key.ts'
import type { Label } from '../core/evidence.ts'
import type { Receipt } from '../core/receipt.ts'
import { allKeys, appendAudit, keyChanges, keysUsed, putKey, recentAudit } from './key-rows.ts'
import { addLabels, givenLabels, labelChanges, rollBack, saveVersion, versionsOf } from './label-rows.ts'
import { columns, fromRow, migrations, type Row, toRow } from './ledger-schema.ts'
import type { GroupTotals } from './store.ts'

/**
 * The thread that owns the database file. Disk waits happen here, so no request waits for the disk. It answers
 * messages one by one, in the order in which they come.
 */

const { path, writer } = workerData as { path: string; writer: string }
const port = parentPort
if (port === null) throw new Error('sqlite-worker.ts runs in a worker thread')

const allInputTokens = 'input_tokens + cache_read_tokens + cache_write_tokens + cache_write_hour_tokens'

/** What the gateway asks by itself, to learn: it costs, and is nobody's request. */
const ownDialects = "'shadow', 'judge', 'self-check', 'calibration'"

let database: DatabaseSync | undefined
let insert: StatementSync | undefined

const operations: Record<string, (argument: never) => unknown> = {
  open() {
    database = new DatabaseSync(path, { timeout: 5000 })
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON')
    const damage = database.prepare('PRAGMA quick_check(1)').get()?.quick_check
    if (damage !== 'ok') throw new Error(`the ledger file is damaged: ${damage}`)
    migrate(database)
    const places = columns.map((column) => `:${column}`).join(', ')
    insert = database.prepare(`INSERT OR REPLACE INTO requests (${columns.join(', ')}) VALUES (${places})`)
    // A read-only or full disk shows itself at the first write; better now than at the first request.
    database.exec('BEGIN IMMEDIATE; CREATE TABLE IF NOT EXISTS write_probe (x); DROP TABLE write_probe; COMMIT')
  },
  write(rows: readonly Receipt[]) {
    const { statement } = opened()
    inTransaction(() => {
      for (const row of rows) statement.run(toRow(row, writer))
    })
  },
  stats(since: number) {
    const groups = opened()
      .db.prepare(
        // A request that called several models is one request of the last, and spent money and tokens at each of them.
        `WITH window AS (SELECT * FROM requests WHERE started_at >= :since AND status <> 'open'),
         shares AS (
           SELECT model, backend, dialect NOT IN (${ownDialects}) AS requests, status <> 'answered' AS failed,
             CASE WHEN attempt_count = 1 THEN ${allInputTokens} ELSE 0 END AS input_tokens,
             CASE WHEN attempt_count = 1 THEN output_tokens + reasoning_tokens ELSE 0 END AS output_tokens,
             CASE WHEN attempt_count > 1 THEN 0 ELSE coalesce(cost_nanodollars, 0) END AS cost,
             cost_nanodollars IS NULL AS unpriced,
             CASE WHEN cost_nanodollars IS NULL THEN 0 ELSE baseline_nanodollars END AS baseline,
             cache IN ('hit', 'coalesced') AS hit, cache = 'miss' AS miss, started_at
           FROM window
           UNION ALL
           SELECT attempt.value ->> 'model', attempt.value ->> 'backend', 0, 0,
             (attempt.value ->> '$.usage.input') + (attempt.value ->> '$.usage.cacheRead')
               + (attempt.value ->> '$.usage.cacheWrite') + (attempt.value ->> '$.usage.cacheWriteHour'),
             (attempt.value ->> '$.usage.output') + (attempt.value ->> '$.usage.reasoning'),
             coalesce(attempt.value ->> 'cost', 0), 0, 0, 0, 0, started_at
           FROM window, json_each(attempts) AS attempt WHERE attempt_count > 1
         )
         SELECT model, backend, sum(requests) AS requests, sum(failed) AS failed, sum(input_tokens) AS inputTokens,
           sum(output_tokens) AS outputTokens, sum(cost) AS cost, sum(unpriced) AS unpriced,
           sum(baseline) AS baselineCost, sum(hit) AS cacheHits, sum(miss) AS cacheMisses, min(started_at) AS firstAt
         FROM shares GROUP BY model, backend ORDER BY requests DESC`,
      )
      .all({ since }) as unknown as (GroupTotals & { firstAt: number })[]
    const first = groups.reduce((earliest, group) => Math.min(earliest, group.firstAt), Date.now())
    return { groups: groups.map(({ firstAt: _, ...group }) => ({ ...group })), since: Math.max(since, first) }
  },
  spent(since: number) {
    const rows = opened()
      .db.prepare('SELECT caller, sum(cost_nanodollars) AS cost FROM requests WHERE started_at >= ? GROUP BY caller')
      .all(since)
    const byCaller = rows.map((row): [string, number] => [String(row.caller), Number(row.cost ?? 0)])
    const all = byCaller.reduce((sum, [, cost]) => sum + cost, 0)
    return new Map([...byCaller, ['', all]])
  },
  addLabels: ({ labels, keep }: { labels: readonly Label[]; keep: number }) =>
    inTransaction(() => addLabels(opened().db, labels, keep)),
  allLabels() {
    const rows = opened().db.prepare('SELECT body FROM labels WHERE revoked = 0 ORDER BY seq').all()
    return rows.map((row): Label => JSON.parse(String(row.body)))
  },
  givenLabels: ({ client, since }: { client: string; since: number }) => givenLabels(opened().db, client, since),
  labelChanges: () => labelChanges(opened().db),
  saveVersion: (note: string) => inTransaction(() => saveVersion(opened().db, note)),
  versions: () => versionsOf(opened().db),
  rollBack: (number: number) => inTransaction(() => rollBack(opened().db, number)),
  allKeys: () => allKeys(opened().db),
  putKey: (key: ApiKey) => inTransaction(() => putKey(opened().db, key)),
  keysUsed: (times: ReadonlyMap<string, number>) => inTransaction(() => keysUsed(opened().db, times)),
  keyChanges: () => keyChanges(opened().db),
  appendAudit: (entry: AuditEntry) => inTransaction(() => appendAudit(opened().db, entry)),
  recentAudit: (limit: number) => recentAudit(opened().db, limit),
  find(id: string) {
    const row = opened().db.prepare('SELECT * FROM requests WHERE id = ? ORDER BY started_at DESC LIMIT 1').get(id)
    return row === undefined ? undefined : fromRow(row as Row)
  },
  recent(limit: number) {
    const rows = opened().db.prepare('SELECT * FROM requests ORDER BY started_at DESC LIMIT ?').all(limit)
    return rows.map((row) => fromRow(row as Row))
  },
  closeOrphans() {
    const { db } = opened()
    const writers = db.prepare("SELECT DISTINCT writer FROM requests WHERE status = 'open'").all()
    const dead = writers.map((row) => String(row.writer)).filter((name) => name !== writer && !isAlive(name))
    const close = db.prepare(
      "UPDATE requests SET status = 'interrupted', estimated = 1 WHERE writer = ? AND status = 'open'",
    )
    return dead.reduce((count, name) => count + Number(close.run(name).changes), 0)
  },
  close() {
    database?.close()
    database = undefined
  },
}

port.on('message', ({ id, operation, argument }: { id: number; operation: string; argument: never }) => {
  try {
    port.postMessage({ id, result: operations[operation]?.(argument) })
  } catch (error) {
    port.postMessage({ id, error: error instanceof Error ? error.message : String(error) })
  }
})

function inTransaction<Result>(work: () => Result): Result {
  const { db } = opened()
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

function opened() {
  if (database === undefined || insert === undefined) throw new Error('the ledger is not open')
  return { db: database, statement: insert }
}

/** Applies what is missing, in order; refuses a file whose history differs from ours. */
function migrate(db: DatabaseSync) {
  db.exec('CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, checksum TEXT NOT NULL) STRICT')
  const done = db.prepare('SELECT checksum FROM migrations ORDER BY number').all()
  if (done.length > migrations.length) {
    throw new Error('the ledger was written by a newer version of this program: use that version')
  }
  for (const [index, statements] of migrations.entries()) {
    const checksum = createHash('sha256').update(statements).digest('hex')
    const before = done[index]?.checksum
    if (before !== undefined && before !== checksum) throw new Error(`migration ${index + 1} of the ledger was changed`)
    if (before !== undefined) continue

    db.exec('BEGIN IMMEDIATE')
    db.exec(statements)
    db.prepare('INSERT INTO migrations VALUES (?, ?)').run(index + 1, checksum)
    db.exec('COMMIT')
  }
}

/** A writer is `host:pid:start`. One on another host cannot be asked, so it counts as alive. */
function isAlive(name: string): boolean {
  const [host, pid] = name.split(':')
  if (host !== hostname()) return true
  if (Number(pid) === process.pid) return false
  try {
    process.kill(Number(pid), 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
