import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type PostgresServer, startPostgres } from '../../test/fixtures/postgres-server.ts'
import { receipt } from '../../test/fixtures/receipt.ts'
import type { ApiKey } from '../core/api-key.ts'
import { openPostgresLedger } from './postgres.ts'
import { openSpooled } from './spooled.ts'
import { openSqliteLedger } from './sqlite.ts'

const key: ApiKey = {
  id: 'k',
  name: 'k',
  team: '',
  scopes: ['chat'],
  hash: { salt: 's', digest: 'd' },
  labels: {},
  createdAt: 1,
}

describe('a ledger whose database goes away', () => {
  let server: PostgresServer
  let url = ''
  const folder = mkdtempSync(join(tmpdir(), 'spool-'))
  const told: string[] = []
  before(async () => {
    server = await startPostgres()
    url = await server.createDatabase()
  })
  after(async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  const main = () => openPostgresLedger({ url, poolSize: 2, timeoutMs: 1000 })
  const open = async (name = 'spool', maxBytes?: number) =>
    openSpooled({
      openMain: main,
      spool: await openSqliteLedger(join(folder, `${name}.sqlite`), maxBytes),
      name: 'the database',
      say: (_level, message) => told.push(message),
      retryMs: 50,
    })
  const until = async (condition: () => boolean | Promise<boolean>) => {
    while (!(await condition())) await sleep(20)
  }

  test('rows go to a file while it is stopped, and over to it when it is back; both are said once', async () => {
    const store = await open()
    await store.write([receipt({ id: 'before' }), receipt({ id: 'running', status: 'open' })])
    await server.kill()
    await store.write([receipt({ id: 'meanwhile' })])
    await store.write([receipt({ id: 'running', status: 'answered', cost: 5 })])
    assert.notEqual(store.trouble?.(), '')
    assert.equal((await store.find('meanwhile'))?.id, 'meanwhile')
    await server.start()
    await until(() => store.trouble?.() === '')
    await store.write([receipt({ id: 'after' })])
    for (const id of ['before', 'meanwhile', 'after', 'running'])
      assert.equal((await store.find(id))?.status, 'answered')
    assert.equal((await store.stats(0)).groups[0]?.requests, 4)
    assert.equal(told.length, 2)
    await store.close()
  })

  test('a server that hangs costs one statement its time, and no row', async () => {
    const store = await open()
    server.pause()
    await store.write([receipt({ id: 'hanging 1' })])
    await store.write([receipt({ id: 'hanging 2' })])
    server.resume()
    await until(() => store.trouble?.() === '')
    assert.equal((await store.find('hanging 2'))?.id, 'hanging 2')
    await store.close()
  })

  test('what a process left behind is carried over by the next one', async () => {
    const first = await open()
    await server.kill()
    await first.write([receipt({ id: 'left' })])
    await first.close()
    await server.start()
    const second = await open()
    await until(() => second.trouble?.() === '')
    const direct = await main()
    assert.equal((await direct.find('left'))?.id, 'left')
    await direct.close()
    await second.close()
  })

  test('the file has a largest size: what it does not take is not lost by it', async () => {
    url = await server.createDatabase()
    const store = await open('small', 1_000_000)
    await server.kill()
    let taken = 0
    const batch = () => Array.from({ length: 100 }, (_, index) => receipt({ id: `${taken} ${index}`, cost: 1 }))
    await assert.rejects(async () => {
      for (; ; taken++) await store.write(batch())
    }, /full/)
    assert.ok(taken > 0)
    await server.start()
    await until(() => store.trouble?.() === '')
    await store.write(batch())
    assert.equal((await store.stats(0)).groups[0]?.requests, (taken + 1) * 100)
    await store.close()
  })

  test('keys are known without the database once they were read', async () => {
    const first = await open()
    await first.keys.put(key)
    assert.deepEqual(await first.keys.all(), [key])
    await first.close()
    await server.kill()
    const second = await open()
    assert.deepEqual(await second.keys.all(), [key])
    await assert.rejects(second.keys.put(key))
    await second.close()
    rmSync(join(folder, 'spool.sqlite'))
    const ignorant = await open()
    await assert.rejects(ignorant.keys.all(), /has read them yet/)
    await ignorant.close()
    await server.start()
  })

  test('ten that start together make the tables once', async () => {
    url = await server.createDatabase()
    const stores = await Promise.all(Array.from({ length: 10 }, main))
    await Promise.all(stores.map((store, index) => store.write([receipt({ id: `from ${index}` })])))
    assert.equal((await stores[0]?.stats(0))?.groups[0]?.requests, 10)
    await Promise.all(stores.map((store) => store.close()))
  })

  test('two that write the same rows count them once', async () => {
    url = await server.createDatabase()
    const [one, other] = await Promise.all([main(), main()])
    const rows = Array.from({ length: 200 }, (_, index) => receipt({ id: String(index), cost: 1 }))
    await Promise.all([one, other, one, other].map((store) => store.write(rows)))
    assert.deepEqual(
      [
        (await one.stats(0)).groups[0]?.requests,
        (await one.stats(0)).groups[0]?.cost,
        await one.checkUsage(Math.floor(1_700_000_000_000 / 3_600_000)),
      ],
      [200, 200, true],
    )
    await Promise.all([one.close(), other.close()])
  })
})
