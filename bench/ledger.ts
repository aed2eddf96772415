import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parseArgs } from 'node:util'
import { Client } from 'pg'
import { writeCsv, writeParquet } from '../src/account/export.ts'
import type { Receipt } from '../src/core/receipt.ts'
import { usageSelect } from '../src/stores/ledger-schema.ts'
import { openPostgresLedger } from '../src/stores/postgres.ts'
import { postgresUsageSelect } from '../src/stores/postgres-schema.ts'
import { openSqliteLedger } from '../src/stores/sqlite.ts'
import type { LedgerStore } from '../src/stores/store.ts'
import { startPostgres } from '../test/fixtures/postgres-server.ts'
import { attempt, receipt } from '../test/fixtures/receipt.ts'

/** What a full ledger costs those who ask it and those who write to it, in SQLite and in PostgreSQL. */

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000000' },
    days: { type: 'string', default: '90' },
    callers: { type: 'string', default: '200' },
    store: { type: 'string', default: 'sqlite,postgresql' },
  },
})
const rowCount = Number(options.rows)
const callers = Number(options.callers)
const dayMs = 86_400_000
const end = Math.floor(Date.now() / dayMs) * dayMs + dayMs / 2 + 1_234_567
const start = end - Number(options.days) * dayMs
const models = 5
const rowsOfFill = 100_000

// One row in a tenth is of a request that called two models; rows are as long as those of `auto` without an assessment.
const usage = `{"input":812,"cacheRead":0,"cacheWrite":0,"cacheWriteHour":0,"output":204,"reasoning":0}`
const call = (model: string) =>
  `{"model":"model-${model}","provider":"anthropic","backend":"cloud","outcome":"answered","latencySeconds":1.312,"usage":${usage},"estimated":false,"cost":4476000,"priceVersion":"anthropic/claude@2026-10-24"}`
const factors =
  '[{"name":"length","points":0.3,"phrase":"medium prompt"},{"name":"code","points":0.3,"phrase":"code is in it"},{"name":"task","points":0.2,"phrase":"it asks to build something"}]'
const reasoning =
  'Complexity 0.80: medium prompt, code, builds something. The cheapest available model that can do it is the last one'

const sumsOfDays = `INSERT INTO usage_days SELECT hour / 24 * 24, model, backend, caller, min(first_at), sum(requests),
  sum(failed), sum(input_tokens), sum(output_tokens), sum(cost), sum(unpriced), sum(baseline_cost), sum(cache_hits),
  sum(cache_misses), sum(row_count) FROM usage_hours GROUP BY 1, 2, 3, 4`

interface Full {
  readonly store: LedgerStore
  readonly openMs: number
  readonly bytes: () => Promise<number>
  /** For others that write to it, where there may be others. */
  readonly another?: () => Promise<LedgerStore>
  readonly close: () => Promise<void>
}

const fills: Readonly<Record<string, () => Promise<Full>>> = { sqlite: fillSqlite, postgresql: fillPostgres }

console.log(`${rowCount} rows over ${options.days} days, ${callers} callers, ${models} models\n`)
for (const name of options.store.split(',')) {
  const began = performance.now()
  const full = await fills[name]?.()
  if (full === undefined) throw new Error(`--store is one of ${Object.keys(fills).join(', ')}, not ${name}`)
  try {
    const bytes = await full.bytes()
    const opened = `opened in ${full.openMs.toFixed(0)} ms`
    const size = `${(bytes / 2 ** 30).toFixed(1)} GiB, ${Math.round(bytes / rowCount)} bytes a row`
    console.log(`## ${name}: ${size}, filled in ${((performance.now() - began) / 1000).toFixed(0)} s, ${opened}\n`)
    await measure(full.store)
    if (full.another !== undefined) await together(full.another)
  } finally {
    await full.close()
  }
}

async function measure(store: LedgerStore): Promise<void> {
  console.log('| what | first | median of 10 | worst |')
  console.log('| --- | --- | --- | --- |')
  await timed('statistics of everything', () => store.stats(0))
  await timed('statistics of 30 days', () => store.stats(end - 30 * dayMs))
  await timed('statistics of 24 hours', () => store.stats(end - dayMs))
  await timed('statistics of an hour', () => store.stats(end - dayMs / 24))
  await timed('spent this month, by caller', () => store.spent(end - 20 * dayMs))
  await timed('the newest 100 requests', () => store.list({ limit: 100, lookAt: 20_000 }))
  await timed('the newest 100 of a caller', () => store.list({ limit: 100, lookAt: 20_000, caller: 'caller-7' }))
  await timed('those of a model that there is not', () => store.list({ limit: 100, lookAt: 20_000, model: 'none' }))
  await timed('one request by its id', () => store.find(`request-${Math.floor(rowCount / 3)}`))
  await timed('the sums of an hour against its rows', () => store.checkUsage(Math.floor(end / 3_600_000) - 100))
  let written = 0
  await timed('writing 1000 rows', () => store.write(batchOf(written++)))
  await timed('deleting 2000 old rows', () => store.prune({ before: start + dayMs, keep: rowCount, limit: 2000 }))
  console.log()
  await exported(store)
}

async function timed(name: string, work: () => Promise<unknown>): Promise<void> {
  const took: number[] = []
  for (let turn = 0; turn < 11; turn++) {
    const began = performance.now()
    await work()
    took.push(performance.now() - began)
  }
  const [first = 0, ...rest] = took
  const sorted = rest.sort((a, b) => a - b)
  const milliseconds = (value = 0) => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`
  console.log(`| ${name} | ${milliseconds(first)} | ${milliseconds(sorted[5])} | ${milliseconds(sorted.at(-1))} |`)
}

async function exported(store: LedgerStore): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'ledger-export-'))
  const window = { since: end - dayMs, until: end }
  for (const [name, write] of Object.entries({ csv: writeCsv, parquet: writeParquet })) {
    const file = join(folder, name)
    const began = performance.now()
    const rows = await write(store, file, window)
    const seconds = (performance.now() - began) / 1000
    const memory = `${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB resident`
    console.log(
      `${rows} rows as ${name}: ${Math.round(rows / seconds)} a second, ${statSync(file).size} bytes, ${memory}`,
    )
  }
  console.log()
  rmSync(folder, { recursive: true })
}

/** Ten gateways, each with a batch five times a second and more: all of them add to the same sums. */
async function together(another: () => Promise<LedgerStore>): Promise<void> {
  const stores = await Promise.all(Array.from({ length: 10 }, another))
  const stopAt = performance.now() + 10_000
  const took: number[] = []
  await Promise.all(
    stores.map(async (store, gateway) => {
      for (let turn = 0; performance.now() < stopAt; turn++) {
        const rows = batchOf(turn).map((row) => ({ ...row, rowId: `${gateway}-${row.rowId}` }))
        const began = performance.now()
        await store.write(rows.slice(0, 100))
        took.push(performance.now() - began)
      }
    }),
  )
  await Promise.all(stores.map((store) => store.close()))
  took.sort((a, b) => a - b)
  const at = (share: number) => `${took[Math.floor(took.length * share)]?.toFixed(0)} ms`
  console.log(`ten that write 100 rows at once: ${took.length * 10} rows a second, p50 ${at(0.5)}, p99 ${at(0.99)}\n`)
}

/** A batch as a busy gateway writes it: rows of now, of all callers and models. */
function batchOf(turn: number): readonly Receipt[] {
  return Array.from({ length: 1000 }, (_, index) => {
    const model = `model-${index % models}`
    const caller = `caller-${(index * 7) % callers}`
    const id = `new-${turn}-${index}`
    return receipt({ id, rowId: id, startedAt: end + index, model, caller, cost: 5, attempts: [attempt({ model })] })
  })
}

/** The values of the columns of row `n`, in the words of either database. */
function valuesOf(n: string, words: { text: (value: string) => string; pad: (value: string) => string }): string {
  const { text, pad } = words
  const model = `'model-' || ${text(`${n} % ${models}`)}`
  const one = (value: string) => `'[${call(`' || ${text(value)} || '`)}]'`
  const two = `'[${call(`' || ${text(`${n} % ${models}`)} || '`)},${call(`' || ${text(`(${n} + 1) % ${models}`)} || '`)}]'`
  const several = `${n} % 10 = 0`
  return `'row-' || ${pad(n)}, 'request-' || ${text(n)}, 'host:1:1',
    CASE ${n} % 50 WHEN 0 THEN 'failed' WHEN 1 THEN 'cancelled' ELSE 'answered' END,
    ${start} + CAST(${n} * ${(end - start) / rowCount} AS BIGINT), 1300 + ${n} % 4000, 420, 'openai', ${n} % 2, 'auto', ${model},
    'anthropic', CASE ${n} % ${models} WHEN 0 THEN 'local' ELSE 'cloud' END, '', CASE ${n} % 4 WHEN 0 THEN 'hit' ELSE 'miss' END,
    812, 0, 0, 0, 204, 0, 0, CASE ${n} % 100 WHEN 99 THEN NULL ELSE 4476000 END, 'anthropic/claude@2026-10-24', 5496000,
    'anthropic/claude@2026-10-24', 0.8, '${factors}', '${reasoning}', ${model}, 0,
    CASE WHEN ${several} THEN ${two} ELSE ${one(`${n} % ${models}`)} END, CASE WHEN ${several} THEN 2 ELSE 1 END,
    '5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9', 'caller-' || ${text(`(${n} / 7) % ${callers}`)}, NULL`
}

async function fillSqlite(): Promise<Full> {
  const folder = mkdtempSync(join(tmpdir(), 'ledger-bench-'))
  const path = join(folder, 'ledger.sqlite')
  await (await openSqliteLedger(path)).close()
  const database = new DatabaseSync(path)
  database.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000')
  const indexes = database
    .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'requests' AND sql IS NOT NULL")
    .all()
  for (const { name } of indexes) database.exec(`DROP INDEX ${name}`)
  const words = { text: (value: string) => `(${value})`, pad: (value: string) => `printf('%012d', ${value})` }
  const insert = database.prepare(
    `WITH RECURSIVE numbers(n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?2)
     INSERT INTO requests SELECT ${valuesOf('n', words)} FROM (SELECT CAST(n AS INTEGER) AS n FROM numbers)`,
  )
  for (let from = 0; from < rowCount; from += rowsOfFill) insert.run(from, Math.min(rowCount, from + rowsOfFill))
  for (const { sql } of indexes) database.exec(String(sql))
  database.exec(`INSERT INTO usage_hours ${usageSelect("status <> 'open'")}; ${sumsOfDays}`)
  database.close()
  const opening = performance.now()
  const store = await openSqliteLedger(path)
  return {
    store,
    openMs: performance.now() - opening,
    bytes: async () => statSync(path).size,
    async close() {
      await store.close()
      rmSync(folder, { recursive: true })
    },
  }
}

async function fillPostgres(): Promise<Full> {
  const server = await startPostgres()
  const url = await server.createDatabase()
  await (await openPostgresLedger({ url, poolSize: 1, timeoutMs: 10_000 })).close()
  const client = new Client({ connectionString: url })
  await client.connect()
  const { rows: indexes } = await client.query(
    "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'requests' AND indexname <> 'requests_pkey'",
  )
  for (const { indexname } of indexes) await client.query(`DROP INDEX ${indexname}`)
  const words = { text: (value: string) => `(${value})`, pad: (value: string) => `lpad((${value})::text, 12, '0')` }
  for (let from = 0; from < rowCount; from += rowsOfFill) {
    const last = Math.min(rowCount, from + rowsOfFill) - 1
    await client.query(
      `INSERT INTO requests SELECT ${valuesOf('n', words)} FROM generate_series(${from}::bigint, ${last}) AS n`,
    )
  }
  for (const { indexdef } of indexes) await client.query(indexdef)
  await client.query(`INSERT INTO usage_hours ${postgresUsageSelect("status <> 'open'")}`)
  await client.query(sumsOfDays)
  await client.query('VACUUM ANALYZE')
  const { rows } = await client.query('SELECT pg_database_size(current_database()) AS bytes')
  await client.end()
  const opening = performance.now()
  const another = () => openPostgresLedger({ url, poolSize: 2, timeoutMs: 5000 })
  const store = await another()
  return {
    store,
    another,
    openMs: performance.now() - opening,
    bytes: async () => Number(rows[0].bytes),
    async close() {
      await store.close()
      await server.stop()
    },
  }
}
