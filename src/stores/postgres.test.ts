import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { Client } from 'pg'
import { type PostgresServer, startPostgres } from '../../test/fixtures/postgres-server.ts'
import { receipt } from '../../test/fixtures/receipt.ts'
import { openPostgresLedger } from './postgres.ts'
import { postgresMigrations } from './postgres-schema.ts'
import { usageOf } from './usage.ts'
import { toUsageRow, usageColumns } from './usage-row.ts'

describe('a ledger in PostgreSQL', () => {
  let server: PostgresServer
  before(async () => {
    server = await startPostgres()
  })
  after(() => server.stop())
  const open = (url: string, timeoutMs = 5000) => openPostgresLedger({ url, poolSize: 2, timeoutMs })
  const ask = async (url: string, ...statements: readonly string[]) => {
    const client = new Client({ connectionString: url })
    await client.connect()
    let rows: readonly Readonly<Record<string, unknown>>[] = []
    for (const statement of statements) rows = (await client.query(statement)).rows
    await client.end()
    return rows
  }
  const tablesOf = (url: string) =>
    ask(
      url,
      `SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
         WHERE table_schema = 'public' ORDER BY table_name, ordinal_position`,
    )

  test('every way from an older database leads to the same tables', async () => {
    const wanted = await server.createDatabase()
    await (await open(wanted)).close()
    assert.ok((await tablesOf(wanted)).length > 50)
    for (let known = 1; known < postgresMigrations.length; known++) {
      const url = await server.createDatabase()
      const usage = usageOf([1, 2, 30].map((at) => receipt({ startedAt: at * 3_600_000, cost: 5 }))).map(toUsageRow)
      const done = postgresMigrations.slice(0, known)
      const entries = done.map(
        (statements, index) => `(${index + 1}, '${createHash('sha256').update(statements).digest('hex')}')`,
      )
      await ask(
        url,
        'CREATE TABLE migrations (number INTEGER PRIMARY KEY, checksum TEXT NOT NULL)',
        ...done,
        `INSERT INTO migrations VALUES ${entries}`,
        ...usage.map((row) => `INSERT INTO usage_hours VALUES (${usageColumns.map((name) => `'${row[name]}'`)})`),
      )
      const store = await open(url)
      assert.deepEqual(await tablesOf(url), await tablesOf(wanted))
      assert.deepEqual([(await store.stats(0)).groups[0]?.cost, (await store.spent(3_600_001)).get('')], [15, 10])
      await store.close()
    }
  })

  test('with another history is refused, and left as it is (litellm #23976)', async () => {
    const changes = {
      'was changed': "UPDATE migrations SET checksum = 'other' WHERE number = 1",
      'newer version': `INSERT INTO migrations VALUES (${postgresMigrations.length + 1}, 'future')`,
    }
    for (const [reason, change] of Object.entries(changes)) {
      const url = await server.createDatabase()
      await (await open(url)).close()
      await ask(url, change)
      const before = await tablesOf(url)
      await assert.rejects(open(url), new RegExp(reason))
      assert.deepEqual(await tablesOf(url), before)
    }
  })

  test('what a gateway on another machine left open is closed once it is silent, and its own last word counts', async () => {
    const url = await server.createDatabase()
    const [one, other] = await Promise.all([open(url), open(url)])
    await other.write([receipt({ id: 'a', status: 'open', cost: 2 })])
    assert.equal(await one.closeOrphans(), 0)
    await ask(url, "UPDATE writers SET seen_at = now() - interval '61 seconds'")
    assert.equal(await one.closeOrphans(), 1)
    assert.equal((await one.find('a'))?.status, 'interrupted')
    // It was only cut off from the database.
    await other.write([receipt({ id: 'a', status: 'answered', cost: 5 })])
    assert.deepEqual([(await one.find('a'))?.status, (await one.spent(0)).get('')], ['answered', 5])
    assert.equal(await one.checkUsage(Math.floor(receipt({}).startedAt / 3_600_000)), true)
    await Promise.all([one.close(), other.close()])
  })

  test('connections that the server ends are errors of their calls, not of the process', async () => {
    const url = await server.createDatabase()
    const store = await open(url)
    await store.write([receipt({ id: 'a' })])
    await ask(
      url,
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()',
    )
    await store.write([receipt({ id: 'b' })]).catch(() => store.write([receipt({ id: 'b' })]))
    assert.equal((await store.stats(0)).groups[0]?.requests, 2)
    await store.close()
  })

  test('that hangs is given up, at the start and later', async () => {
    const url = await server.createDatabase()
    const store = await open(url, 300)
    server.pause()
    try {
      await assert.rejects(open(url, 300))
      await assert.rejects(store.stats(0))
      await assert.rejects(store.write([receipt({ id: 'a' })]))
    } finally {
      server.resume()
    }
    await store.close()
  })
})
