import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { Client } from 'pg'
import { usageSelect } from '../../src/stores/ledger-schema.ts'
import { openPostgresLedger } from '../../src/stores/postgres.ts'
import { postgresUsageSelect } from '../../src/stores/postgres-schema.ts'
import { columns, toRow } from '../../src/stores/receipt-row.ts'
import { listEnd, listRows, type Sign } from '../../src/stores/row-list.ts'
import { openSqliteLedger } from '../../src/stores/sqlite.ts'
import { partsOf } from '../../src/stores/usage.ts'
import { fullAt, spentSelect, usageSums } from '../../src/stores/usage-row.ts'
import { startPostgres } from '../fixtures/postgres-server.ts'
import { receipt } from '../fixtures/receipt.ts'

/** litellm #12067, #20720: looking at a ledger slowed down those who wrote to it. Whoever asks reads a part of it. */

const rowCount = 200_000
const hour = 3_600_000
const since = 1000.5 * hour
const step = 60_000

/** What is asked while the gateway serves, with the values in it. */
function questions(sign: Sign, usage: (where: string) => string): readonly (readonly [string, readonly unknown[]])[] {
  const { firstHour, firstDay } = partsOf(since)
  const edge = usage(`status <> 'open' AND started_at >= ${since} AND started_at < ${firstHour * hour}`)
  const names = { firstHour: String(firstHour), firstDay: String(firstDay), since: String(since), edge }
  const list = { limit: 100, lookAt: 20_000, before: { startedAt: since, rowId: 'x' }, model: 'none' }
  const end = listEnd(list, sign)
  const rows = listRows(list, { startedAt: since - 20_000 * step, rowId: 'x' }, sign)
  return [
    [usageSums(names.firstHour, names.firstDay), []],
    [edge, []],
    [spentSelect(names), []],
    [end.text, end.values],
    [rows.text, rows.values],
    [fullAt('usage_days', sign), [0, 1e9, 1000]],
    [`SELECT * FROM requests WHERE id = 'r1' ORDER BY started_at DESC LIMIT 1`, []],
    [`SELECT DISTINCT writer FROM requests WHERE status = 'open'`, []],
    [
      `SELECT row_id FROM requests WHERE started_at < ${since} AND status <> 'open' ORDER BY started_at, row_id LIMIT 2000`,
      [],
    ],
  ]
}

test('SQLite scans the rows for nothing that is asked while it serves', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'large-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'ledger.sqlite')
  await (await openSqliteLedger(path)).close()
  const database = new DatabaseSync(path)
  context.after(() => database.close())
  for (const [text, values] of questions('?', usageSelect)) {
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${text}`).all(...(values as number[]))
    const lines = plan.map(({ detail }) => String(detail))
    assert.ok(lines.length > 0)
    const scans = lines.filter((line) => /^SCAN requests\b/.test(line) && !/INDEX requests_(open|pages)/.test(line))
    assert.deepEqual(scans, [], `${text}\n${lines.join('\n')}`)
  }
})

test('PostgreSQL scans the rows for nothing that is asked while it serves', async (context) => {
  const server = await startPostgres()
  const url = await server.createDatabase()
  await (await openPostgresLedger({ url, poolSize: 1, timeoutMs: 10_000 })).close()
  const client = new Client({ connectionString: url })
  await client.connect()
  // In this order: a server that goes first is an error of its client.
  context.after(async () => {
    await client.end()
    await server.stop()
  })
  const row = { ...toRow(receipt({}), 'w'), row_id: "'r' || n", id: "'r' || n", started_at: `n * ${step}` }
  const values = columns.map((name) => {
    const value = row[name]
    if (['row_id', 'id', 'started_at'].includes(name)) return value
    return typeof value === 'string' ? client.escapeLiteral(value) : (value ?? 'NULL')
  })
  await client.query(
    `INSERT INTO requests (${columns.join(', ')}) SELECT ${values.join(', ')} FROM generate_series(1::bigint, ${rowCount}) AS n`,
  )
  await client.query('ANALYZE')
  for (const [text, given] of questions('$', postgresUsageSelect)) {
    const { rows } = await client.query(`EXPLAIN ${text}`, [...given])
    const plan = rows.map((line) => String(line['QUERY PLAN'])).join('\n')
    assert.doesNotMatch(plan, /Seq Scan on requests/, `${text}\n${plan}`)
  }
})
