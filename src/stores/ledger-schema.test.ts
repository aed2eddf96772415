import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { attempt, receipt } from '../../test/fixtures/receipt.ts'
import type { Label } from '../core/evidence.ts'
import { migrations } from './ledger-schema.ts'
import { type Row, toRow } from './receipt-row.ts'
import { openSqliteLedger } from './sqlite.ts'
import { usageOf } from './usage.ts'

const label: Label = {
  id: 'one',
  at: 1000,
  model: 'a',
  source: 'feedback',
  good: 1,
  weight: 1,
  requestId: 'r',
  client: 'me',
  cell: { task: 'code', length: 'long', language: 'de', turn: 'tool' },
  difficulty: 0,
  sketch: [],
}

/** A file as the program left it when it knew so many migrations. */
function writeOldFile(path: string, known: number): DatabaseSync {
  const database = new DatabaseSync(path)
  database.exec('CREATE TABLE migrations (number INTEGER PRIMARY KEY, checksum TEXT NOT NULL) STRICT')
  for (const [index, statements] of migrations.slice(0, known).entries()) {
    database.exec(statements)
    const checksum = createHash('sha256').update(statements).digest('hex')
    database.prepare('INSERT INTO migrations VALUES (?, ?)').run(index + 1, checksum)
  }
  return database
}

test('what was judged before stays, and so do the versions', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'migrate-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'ledger.sqlite')
  const old = writeOldFile(path, 2)
  const insert = old.prepare(
    "INSERT INTO labels (id, at, model, source, client, body, revoked) VALUES (?, 1000, 'a', 'feedback', 'me', ?, ?)",
  )
  insert.run('one', JSON.stringify(label), 0)
  insert.run('two', JSON.stringify({ ...label, id: 'two' }), 1)
  old.exec("INSERT INTO evidence_versions VALUES (1, 5, 'old', 1)")
  old.close()

  const { labels, close } = await openSqliteLedger(path)
  context.after(close)
  assert.deepEqual(await labels.all(), [label])
  assert.deepEqual(await labels.versions(), [{ number: 1, at: 5, note: 'old', labels: 1 }])
  assert.equal(await labels.add([{ ...label, id: 'three' }], 100), 1)
  assert.equal(await labels.rollBack(1), true)
  assert.deepEqual(await labels.all(), [label])
})

test('every way from an older file leads to the same tables', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'migrate-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const tablesOf = async (known: number) => {
    const path = join(folder, `${known}.sqlite`)
    writeOldFile(path, known).close()
    await (await openSqliteLedger(path)).close()
    const database = new DatabaseSync(path)
    const rows = database.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all()
    database.close()
    return rows.map((row) => ({ ...row }))
  }
  const wanted = await tablesOf(0)
  assert.ok(wanted.length > 5)
  for (let known = 1; known <= migrations.length; known++) assert.deepEqual(await tablesOf(known), wanted)
})

const hour = 3_600_000
const oldRows = Array.from({ length: 200 }, (_, index) =>
  receipt({
    id: String(index),
    startedAt: index * 0.4 * hour,
    model: index % 3 === 0 ? 'a' : 'b',
    status: index % 7 === 0 ? 'failed' : index % 11 === 0 ? 'open' : 'answered',
    dialect: index % 13 === 0 ? 'judge' : 'native',
    cache: index % 5 === 0 ? 'hit' : 'miss',
    cost: index % 17 === 0 ? undefined : index,
    attempts:
      index % 4 === 0 ? [attempt({ cost: 7 }), attempt({ model: 'c', cost: undefined })] : [attempt({ cost: 9 })],
  }),
)

test('the sums of what was there before are those of its rows, whatever version wrote them (litellm #9558)', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'migrate-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  for (let known = 1; known <= 4; known++) {
    const path = join(folder, `${known}.sqlite`)
    const old = writeOldFile(path, known)
    for (const one of oldRows) {
      const { caller, assessment, ...row } = toRow(one, 'other:1:1')
      const values: Partial<Row> = known > 1 ? { ...row, caller, assessment } : row
      const names = Object.keys(values)
      const places = names.map((name) => `:${name}`)
      old.prepare(`INSERT INTO requests (${names.join(', ')}) VALUES (${places.join(', ')})`).run(values)
    }
    old.close()

    const store = await openSqliteLedger(path)
    assert.deepEqual(await store.find('4'), oldRows[4])
    for (let at = 0; at < 80; at++) assert.equal(await store.checkUsage(at), true, `hour ${at} of version ${known}`)
    const wanted = usageOf(oldRows).reduce((sum, { cost }) => sum + cost, 0)
    const { groups } = await store.stats(0)
    assert.equal(
      groups.reduce((sum, { cost }) => sum + cost, 0),
      wanted,
    )
    await store.close()
  }
})

test('a file with another history is refused, and left as it is (litellm #23976)', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'migrate-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const changes = {
    'was changed': "UPDATE migrations SET checksum = 'other' WHERE number = 2",
    'newer version': `INSERT INTO migrations VALUES (${migrations.length + 1}, 'future')`,
  }
  for (const [reason, change] of Object.entries(changes)) {
    const path = join(folder, `${reason}.sqlite`)
    await (await openSqliteLedger(path)).close()
    const database = new DatabaseSync(path)
    database.exec(change)
    await assert.rejects(openSqliteLedger(path), new RegExp(reason))
    assert.equal(database.prepare('SELECT count(*) AS n FROM requests').get()?.n, 0)
    database.close()
  }
})

test('rows that a container left open are closed by the one that takes its place, once nobody minds them', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'orphans-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'ledger.sqlite')
  const store = await openSqliteLedger(path)
  context.after(store.close)
  const open = { status: 'open', durationMs: 5000 } as const
  await store.write([
    receipt({ ...open, id: 'dead', startedAt: Date.now() - 600_000 }),
    receipt({ ...open, id: 'alive', startedAt: Date.now() - 600_000, durationMs: 599_000 }),
  ])
  const database = new DatabaseSync(path)
  database.exec("UPDATE requests SET writer = 'container:1:1'")
  database.close()
  assert.equal(await store.closeOrphans(), 1)
  assert.deepEqual([(await store.find('dead'))?.status, (await store.find('alive'))?.status], ['interrupted', 'open'])
})
