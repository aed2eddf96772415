import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { Label } from '../core/evidence.ts'
import { migrations } from './ledger-schema.ts'
import { openSqliteLedger } from './sqlite.ts'

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
