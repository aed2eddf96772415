import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { ledgerRoutes } from '../../src/http/ledger-routes.ts'
import { openTestGateway, type TestGateway } from '../fixtures/gateway.ts'
import { receipt } from '../fixtures/receipt.ts'

describe('the ledger over HTTP', () => {
  let gateway: TestGateway
  const headers = { authorization: 'Bearer sesame' }
  const hour = 3_600_000
  const rows = Array.from({ length: 5000 }, (_, index) =>
    receipt({
      id: index === 4999 ? '=cmd()' : `request ${index}`,
      rowId: `row ${String(index).padStart(5, '0')}`,
      startedAt: index * 1000,
      model: index % 1000 === 0 ? 'rare' : 'usual',
      cost: index === 3 ? undefined : index,
    }),
  )
  before(async () => {
    gateway = await openTestGateway({ environment: { HYBRID_ADMIN_KEY: 'sesame' } })
    await gateway.house.account.read((store) => store.write(rows))
  })
  after(() => gateway.close())
  const get = (path: string) => gateway.get(`/admin/v1${path}`, headers)

  test('requests come page by page, newest first, those that are wanted', async () => {
    const seen: string[] = []
    let pages = 0
    for (let next: string | null = ''; next !== null; pages++) {
      const reply = await get(`/requests?limit=2&model=rare${next && `&before=${encodeURIComponent(next)}`}`)
      assert.equal(reply.statusCode, 200)
      const page = reply.json() as { requests: { id: string }[]; next: string | null }
      seen.push(...page.requests.map(({ id }) => id))
      next = page.next
    }
    assert.deepEqual(
      seen,
      [4000, 3000, 2000, 1000, 0].map((index) => `request ${index}`),
    )
    assert.equal(pages, 3)
    const [newest] = (await get('/requests')).json().requests
    assert.deepEqual([newest.id, newest.started_at, newest.status], ['=cmd()', '1970-01-01T01:23:19.000Z', 'answered'])
  })

  test('one of them has all its calls', async () => {
    const { calls, cost_nanodollars, ...rest } = (await get('/requests/request%203')).json()
    assert.deepEqual([rest.id, cost_nanodollars, rest.cost_dollars], ['request 3', null, null])
    assert.deepEqual([calls.length, calls[0].model, calls[0].cost_dollars], [1, 'parrot', 0])
    assert.equal((await get('/requests/none')).statusCode, 404)
  })

  test('what is asked in vain is told by its name', async () => {
    for (const [path, field] of [
      ['/requests?limit=0', 'limit'],
      ['/requests?limit=5000', 'limit'],
      ['/requests?before=yesterday', 'before'],
      ['/requests?status=done', 'status'],
      ['/ledger/export?since=yesterday', 'since'],
      ['/ledger/export?format=parquet', 'format'],
    ] as const) {
      const reply = await get(path)
      assert.equal(reply.statusCode, 400, path)
      assert.match(reply.body, new RegExp(field))
    }
  })

  test('all of them are a file, in which nothing is a formula', async () => {
    const reply = await get('/ledger/export')
    assert.equal(reply.headers['content-type'], 'text/csv; charset=utf-8')
    assert.match(String(reply.headers['content-disposition']), /filename="ledger.csv"/)
    const lines = reply.body.trimEnd().split('\r\n')
    assert.equal(lines.length, 5001)
    assert.match(lines[5000] ?? '', /^'=cmd\(\),/)
    const since = new Date(hour).toISOString()
    const part = (await get(`/ledger/export?since=${since}&until=1970-01-01T01:00:10Z`)).body.trimEnd().split('\r\n')
    assert.equal(part.length, 11)
  })

  test('two at a time, and whoever hangs up makes room', async () => {
    const route = ledgerRoutes(gateway.house.account).find(({ path }) => path === '/ledger/export')
    const begin = async () =>
      (await route?.handle({
        body: undefined,
        params: {},
        query: {},
        actor: { id: '', name: '', address: '' },
      })) as Readable
    const [first, second] = await Promise.all([begin(), begin()])
    await assert.rejects(begin(), /ask again when one is done/)
    first.destroy()
    await once(first, 'close')
    const third = await begin()
    const lines = (await text(third)).trimEnd().split('\r\n')
    assert.equal(lines.length, 5001)
    second.destroy()
  })

  test('fifty who look again and again keep nobody from an answer (litellm #20720)', async () => {
    let done = false
    const watcher = async (turn: number) => {
      let looks = 0
      for (; !done || looks < 3; looks++) {
        const path = turn % 2 === 0 ? '/requests?model=none' : '/requests?limit=50'
        assert.equal((await get(path)).statusCode, 200)
        const stats = await gateway.get('/api/v1/stats', headers)
        assert.equal(stats.statusCode, 200)
      }
      return looks
    }
    const watching = Promise.all(Array.from({ length: 50 }, (_, turn) => watcher(turn)))
    for (let turn = 0; turn < 20; turn++) {
      const reply = await gateway.post('/api/v1/chat', { prompt: `question ${turn}` }, headers)
      assert.equal(reply.statusCode, 200)
    }
    done = true
    await watching
    assert.equal((await gateway.get('/api/v1/stats', headers)).json().total_requests, 5020)
  })
})
