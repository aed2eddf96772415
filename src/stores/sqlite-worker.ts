import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import type { ApiKey, AuditEntry } from '../core/api-key.ts'
import type { Label } from '../core/evidence.ts'
import type { Receipt } from '../core/receipt.ts'
import { allKeys, appendAudit, keyChanges, keysUsed, putKey, recentAudit } from './key-rows.ts'
import { addLabels, givenLabels, labelChanges, rollBack, saveVersion, versionsOf } from './label-rows.ts'
import { migrations } from './ledger-schema.ts'
import { fromRow, type Row } from './receipt-row.ts'
import {
  checkUsage,
  closeRowsOf,
  listOf,
  pageOf,
  prune,
  removeRows,
  replaceRows,
  spentSince,
  statsSince,
  usageSince,
  writeRows,
} from './request-rows.ts'
import type { ListOptions, PageOptions, PruneOptions } from './store.ts'

/**
 * The thread that owns the database file. Disk waits happen here, so no request waits for the disk. It answers
 * messages one by one, in the order in which they come.
 */

const { path, maxBytes, writer } = workerData as { path: string; maxBytes?: number; writer: string }
const port = parentPort
if (port === null) throw new Error('sqlite-worker.ts runs in a worker thread')

let database: DatabaseSync | undefined

const operations: Record<string, (argument: never) => unknown> = {
  open() {
    database = new DatabaseSync(path, { timeout: 5000 })
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON')
    const damage = damageOf(database)
    if (damage !== '') throw new Error(`the ledger file is damaged: ${damage}`)
    migrate(database)
    if (maxBytes !== undefined) {
      const pageBytes = Number(database.prepare('PRAGMA page_size').get()?.page_size)
      database.exec(`PRAGMA max_page_count = ${Math.ceil(maxBytes / pageBytes)}`)
    }
    // A read-only or full disk shows itself at the first write; better now than at the first request.
    database.exec('BEGIN IMMEDIATE; CREATE TABLE IF NOT EXISTS write_probe (x); DROP TABLE write_probe; COMMIT')
  },
  write: (rows: readonly Receipt[]) => inTransaction(() => writeRows(opened().db, rows, writer)),
  replace: (rows: readonly Receipt[]) => inTransaction(() => replaceRows(opened().db, rows, writer)),
  stats: (since: number) => statsSince(opened().db, since),
  spent: (since: number) => spentSince(opened().db, since),
  page: (options: PageOptions) => pageOf(opened().db, options),
  list: (options: ListOptions) => listOf(opened().db, options),
  prune: (options: PruneOptions) => inTransaction(() => prune(opened().db, options)),
  remove: (rowIds: readonly string[]) => inTransaction(() => removeRows(opened().db, rowIds)),
  usage: (since: number) => usageSince(opened().db, since),
  checkUsage: (hour: number) => checkUsage(opened().db, hour),
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
    const others = writers.map((row) => String(row.writer)).filter((name) => name !== writer)
    return inTransaction(() => others.reduce((count, name) => count + closeRowsOf(db, name, deadSince(name)), 0))
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
  if (database === undefined) throw new Error('the ledger is not open')
  return { db: database }
}

const wholeCheckBytes = 256 * 2 ** 20
/** Tables that grow with the requests. */
const large = ['requests', 'usage_hours']

/** A start reads a small file whole, and of a large one all but the large tables: that would take minutes. */
function damageOf(db: DatabaseSync): string {
  const sizeOf = (name: string) => Number(db.prepare(`PRAGMA ${name}`).get()?.[name])
  const names = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
  const small = names.map(({ name }) => String(name)).filter((name) => !large.includes(name))
  const isSmall = sizeOf('page_count') * sizeOf('page_size') <= wholeCheckBytes
  const checks = isSmall ? ['PRAGMA quick_check(1)'] : small.map((name) => `PRAGMA quick_check('${name}')`)
  const found = checks.map((check) => String(db.prepare(check).get()?.quick_check))
  return found.find((result) => result !== 'ok') ?? ''
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

/** A container that is made anew has another name than the one before; what runs in it writes its open rows every second. */
const goneMs = 60_000

/**
 * Since when nobody has minded the open rows of a writer, `host:pid:start`: for ever where its process is gone. One on
 * another host cannot be asked.
 */
function deadSince(name: string): number {
  const [host, pid] = name.split(':')
  if (host !== hostname()) return Date.now() - goneMs
  return Number(pid) !== process.pid && isRunning(Number(pid)) ? 0 : Number.MAX_SAFE_INTEGER
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
