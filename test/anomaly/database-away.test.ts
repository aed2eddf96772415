import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openTestGateway, type TestGateway } from '../fixtures/gateway.ts'
import { type PostgresServer, startPostgres } from '../fixtures/postgres-server.ts'

/** litellm #21514, #35273: a slow database filled the memory; one that hung took every request with it. */
describe('gateways whose database hangs, or is gone', () => {
  let server: PostgresServer
  const dataDir = mkdtempSync(join(tmpdir(), 'away-'))
  const other = mkdtempSync(join(tmpdir(), 'away-'))
  before(async () => {
    server = await startPostgres()
  })
  after(async () => {
    await server.stop()
    for (const folder of [dataDir, other]) rmSync(folder, { recursive: true, force: true })
  })
  const open = (url: string, folder: string) =>
    openTestGateway({
      config: { database: { timeout_ms: 300 }, ledger: { flush_ms: 20 }, cache: { enabled: false } },
      environment: { DATABASE_URL: url },
      dataDir: folder,
    })
  const ask = async (gateway: TestGateway, count: number) => {
    const replies = await Promise.all(
      Array.from({ length: count }, (_, turn) => gateway.post('/api/v1/chat', { prompt: `question ${turn}` })),
    )
    assert.deepEqual([...new Set(replies.map(({ statusCode }) => statusCode))], [200])
  }
  const ledgerOf = async (gateway: TestGateway) => (await gateway.get('/health')).json().ledger
  const until = async (condition: () => Promise<boolean>) => {
    while (!(await condition())) await sleep(20)
  }

  const paused = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    server.pause()
    return await work().finally(server.resume)
  }

  test('answer as before, say so, and lose no row', async () => {
    const url = await server.createDatabase()
    const gateway = await open(url, dataDir)
    // What starts while the database is away knows who may come in from an earlier time.
    await (await open(url, other)).close()
    await ask(gateway, 20)
    assert.equal((await gateway.get('/api/v1/stats')).json().total_requests, 20)
    assert.deepEqual(await ledgerOf(gateway), { store: 'postgresql', status: 'ok', pending_rows: 0, dropped_rows: 0 })

    const late = await paused(async () => {
      await ask(gateway, 20)
      await until(async () => (await ledgerOf(gateway)).status !== 'ok')
      await ask(gateway, 20)
      const stats = await gateway.get('/api/v1/stats')
      assert.deepEqual([stats.statusCode, stats.json().code], [503, 'ledger_unavailable'], stats.body)
      assert.equal((await gateway.get('/health')).json().status, 'degraded')
      assert.equal((await gateway.get('/health/ready')).statusCode, 200)
      await until(async () => (await ledgerOf(gateway)).pending_rows === 0)

      // One that starts now has no database to look into.
      const another = await open(url, other)
      await ask(another, 20)
      return another
    })
    await until(async () => (await ledgerOf(gateway)).status === 'ok' && (await ledgerOf(late)).status === 'ok')
    await ask(gateway, 20)
    await until(async () => (await gateway.get('/api/v1/stats')).json().total_requests === 100)
    await Promise.all([gateway.close(), late.close()])
  })

  test('do not open their door where they never knew who may come in', async () => {
    const url = await server.createDatabase()
    const folder = join(other, 'new')
    await paused(() => assert.rejects(open(url, folder), { name: 'StartError', message: /who may come in/ }))
  })

  test('that stop meanwhile leave their rows to the next', async () => {
    const url = await server.createDatabase()
    const gateway = await open(url, dataDir)
    await ask(gateway, 5)
    await server.kill()
    await ask(gateway, 5)
    await gateway.close()
    await server.start()
    const next = await open(url, dataDir)
    await until(async () => (await ledgerOf(next)).status === 'ok')
    assert.equal((await next.get('/api/v1/stats')).json().total_requests, 10)
    await next.close()
  })
})
