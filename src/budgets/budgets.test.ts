import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type RedisServer, startRedis } from '../../test/fixtures/redis-server.ts'
import type { KeyHolder, SpendingTerms } from '../core/key-holder.ts'
import { Redis } from '../redis/redis.ts'
import type { Alert } from './alerts.ts'
import { Budgets, type BudgetsOptions } from './budgets.ts'
import { redisPurse } from './redis.ts'

const dollar = 1e9
const perDay = (dollars: number): SpendingTerms => ({ dollars, period: 'day' })
const holder = (id: string, more: Partial<KeyHolder> = {}): KeyHolder => ({
  id,
  name: id,
  team: '',
  scopes: ['chat'],
  ...more,
})
const calm: BudgetsOptions = {
  terms: { whole: [], teams: {}, keys: [] },
  waitMs: 0,
  shared: undefined,
  gateways: () => 1,
  alerts: { at: [0.5, 0.8, 1], redis: undefined, tell: () => {} },
  spent: async () => new Map(),
  teamOf: () => '',
}
const cents = (amount: number) => ({ amount: amount * 1e7, lesser: amount * 1e7 })

describe('budgets of one process', () => {
  const open = (options: Partial<BudgetsOptions>) => new Budgets({ ...calm, ...options })

  test('nothing is counted where there is no budget', async () => {
    const budgets = open({})
    assert.equal(budgets.pays(holder('a')), false)
    assert.equal(await budgets.reserve({ holder: holder('a'), ...cents(1) }), undefined)
    await budgets.close()
  })

  test('key, team and whole pay together; each refuses by its name, and says when it begins anew', async () => {
    const now = Date.UTC(2026, 10, 30, 23, 59)
    const budgets = open({
      now: () => now,
      terms: {
        whole: [{ dollars: 1, period: 'month' }],
        teams: { research: [perDay(0.5)] },
        keys: [perDay(0.2)],
      },
    })
    const spend = async (who: KeyHolder | undefined, amount: number) =>
      (await budgets.reserve({ holder: who, ...cents(amount) }))?.settle(amount * 1e7)
    const member = (id: string) => holder(id, { team: 'research' })
    await spend(member('a'), 20)
    await assert.rejects(spend(member('a'), 1), {
      code: 'budget_spent',
      message: 'the budget of key a ($0.2 a day) is spent until 2026-12-01 00:00 UTC',
      retryAfterSeconds: 60,
    })
    await spend(member('b'), 20)
    await spend(member('c'), 10)
    await assert.rejects(spend(member('c'), 1), /the budget of team research \(\$0.5 a day\)/)
    await spend(holder('rich', { budgets: [] }), 50)
    await assert.rejects(spend(undefined, 1), /the budget of the whole gateway \(\$1 a month\) .* 2026-12-01/)
    await budgets.close()
  })

  test('a day that turns while a call runs: the call belongs to the day in which it began', async () => {
    let now = Date.UTC(2026, 10, 30, 23, 59)
    const budgets = open({ now: () => now, terms: { ...calm.terms, whole: [perDay(1)] } })
    const late = await budgets.reserve({ holder: undefined, ...cents(100) })
    now += 120_000
    const next = await budgets.reserve({ holder: undefined, ...cents(60) })
    late?.settle(dollar)
    next?.settle(6e8)
    await sleep(1)
    const [today] = await budgets.report([])
    assert.deepEqual([today?.line.name, today?.state], ['whole:day:2026-12-01', { spent: 6e8, reserved: 0, lapsed: 0 }])
    await budgets.close()
  })

  test('what was spent before the start is read from the ledger, of a team by its keys', async () => {
    const spent = new Map([
      ['', 5e8],
      ['a', 4e8],
      ['b', 1e8],
    ])
    const budgets = open({
      terms: { whole: [perDay(1)], teams: { t: [perDay(0.45)] }, keys: [] },
      spent: async () => spent,
      teamOf: (id) => (id === 'a' ? 't' : ''),
    })
    await budgets.reserve({ holder: holder('a', { team: 't' }), ...cents(1) })
    const report = await budgets.report([])
    assert.deepEqual(
      report.map(({ state }) => state?.spent),
      [5e8, 4e8],
    )
    await budgets.close()
  })

  test('what only the ledger knows counts when it was seen twice', async () => {
    let inLedger = 0
    const budgets = open({
      terms: { ...calm.terms, whole: [perDay(1)] },
      spent: async () => new Map([['', inLedger]]),
    })
    const seen = async () => (await budgets.report([]))[0]?.state?.spent
    ;(await budgets.reserve({ holder: undefined, ...cents(10) }))?.settle(1e8)
    inLedger = 3e8
    await budgets.look()
    assert.equal(await seen(), 1e8)
    await budgets.look()
    assert.equal(await seen(), 3e8)
    await budgets.close()
  })

  test('a ledger that cannot be read gives no money away', async () => {
    const budgets = open({
      terms: { ...calm.terms, whole: [perDay(1)] },
      spent: () => Promise.reject(new Error('disk')),
    })
    await assert.rejects(budgets.reserve({ holder: undefined, ...cents(1) }), { code: 'ledger_unavailable' })
    await budgets.close()
  })

  test('who comes while all is promised waits for his turn, and is told when it does not come', async () => {
    const budgets = open({ terms: { ...calm.terms, whole: [perDay(1)] }, waitMs: 5000 })
    const first = await budgets.reserve({ holder: undefined, ...cents(120) })
    const order: number[] = []
    const waiting = [1, 2, 3].map(async (number) => {
      const mine = await budgets.reserve({ holder: undefined, ...cents(120) })
      order.push(number)
      mine?.settle(1e7)
    })
    first?.settle(1e7)
    await Promise.all(waiting)
    assert.deepEqual(order, [1, 2, 3])
    await budgets.close()

    const hasty = open({ terms: { ...calm.terms, whole: [perDay(1)] } })
    await hasty.reserve({ holder: undefined, ...cents(120) })
    await assert.rejects(hasty.reserve({ holder: undefined, ...cents(120) }), { code: 'rate_limited' })
    await hasty.close()
  })

  test('a share of a budget is told once, the highest where several are passed at once', async () => {
    const told: Alert[] = []
    const budgets = open({
      terms: { ...calm.terms, whole: [perDay(1)] },
      alerts: { at: [0.5, 0.8, 1], redis: undefined, tell: (alert) => told.push(alert) },
    })
    for (const amount of [30, 30, 30, 30]) {
      ;(await budgets.reserve({ holder: undefined, ...cents(amount) }))?.settle(amount * 1e7)
    }
    await sleep(1)
    assert.deepEqual(
      told.map(({ threshold, spent_dollars }) => [threshold, spent_dollars]),
      [
        [0.5, 0.6],
        [0.8, 0.9],
        [1, 1.2],
      ],
    )
    await budgets.close()
  })
})

describe('budgets of several gateways', () => {
  let server: RedisServer
  const opened: { close: () => Promise<void> }[] = []
  before(async () => {
    server = await startRedis()
  })
  after(async () => {
    for (const one of opened) await one.close()
    await server.stop()
  })

  /** As many as share one Redis, and hear each other. */
  async function open(count: number, options: Partial<BudgetsOptions>): Promise<readonly Budgets[]> {
    const all: Budgets[] = []
    for (let index = 0; index < count; index++) {
      const redis = await Redis.open({ url: server.url, prefix: 'all:', deadlineMs: 50, say: () => {} })
      const budgets = new Budgets({
        ...calm,
        shared: redisPurse(redis),
        gateways: () => count,
        announce: async () => {
          await Promise.all(all.map((other) => other.recall()))
        },
        ...options,
      })
      all.push(budgets)
      opened.push(budgets, redis)
    }
    return all
  }

  test('at the same time they spend one budget once, and use it up', async () => {
    const gateways = await open(3, { terms: { ...calm.terms, keys: [perDay(1)] }, waitMs: 5000 })
    const who = holder('crowd')
    const mostOfOne = 7e6
    let spent = 0
    let refused = 0
    await Promise.all(
      Array.from({ length: 256 }, async (_, client) => {
        const budgets = gateways[client % 3]
        for (let turn = 0; refused < 256 && turn < 50; turn++) {
          try {
            const call = await budgets?.reserve({ holder: who, amount: mostOfOne, lesser: mostOfOne })
            await sleep(client % 5)
            const cost = 1e6 + ((client * 7919 + turn * 104_729) % 6e6)
            spent += cost
            call?.settle(cost)
          } catch (error) {
            assert.equal((error as { code: string }).code, 'budget_spent')
            refused++
          }
        }
      }),
    )
    assert.ok(spent >= 0.95 * dollar && spent <= dollar + mostOfOne, String(spent))
  })

  test('while Redis hangs each spends its share; all of it counts when Redis is back', async () => {
    const gateways = await open(3, { terms: { ...calm.terms, keys: [perDay(0.9)] } })
    const who = holder('hang')
    for (const budgets of gateways) (await budgets.reserve({ holder: who, ...cents(10) }))?.settle(1e8)
    await sleep(20)
    for (const budgets of gateways) (await budgets.reserve({ holder: who, ...cents(10) }))?.settle(0)
    await sleep(20)
    await server.pause()
    let alone = 0
    for (const budgets of gateways) {
      for (let call = 0; call < 30; call++) {
        const reservation = await budgets.reserve({ holder: who, ...cents(1) }).catch((error: Error) => {
          assert.match(error.message, /this gateway's share of the budget of key hang/)
          return undefined
        })
        if (reservation === undefined) continue
        alone++
        reservation.settle(1e7)
      }
    }
    await server.resume()
    assert.equal(alone, 60)
    await sleep(1200)
    for (const budgets of gateways) await budgets.recall()
    const [budgets] = gateways
    const [key] = (await budgets?.report([who]))?.filter(({ line }) => line.owner === 'key:hang') ?? []
    assert.deepEqual(key?.state, { spent: 9e8, reserved: 0, lapsed: 0 })
    await assert.rejects(budgets?.reserve({ holder: who, ...cents(1) }) ?? Promise.resolve(), { code: 'budget_spent' })
  })

  test('a Redis that comes back empty is told what was spent, and what still runs', async () => {
    const gateways = await open(3, { terms: { ...calm.terms, keys: [perDay(1)] } })
    const [one, two, three] = gateways
    const who = holder('empty')
    ;(await one?.reserve({ holder: who, ...cents(50) }))?.settle(5e8)
    const runs = await two?.reserve({ holder: who, ...cents(30) })
    await server.kill()
    await server.start()
    await sleep(1500)
    const late = await three?.reserve({ holder: who, ...cents(20) })
    await assert.rejects(three?.reserve({ holder: who, ...cents(1) }) ?? Promise.resolve(), { code: 'rate_limited' })
    runs?.settle(3e8)
    late?.settle(2e8)
    await sleep(50)
    const [key] = (await one?.report([who]))?.filter(({ line }) => line.owner === 'key:empty') ?? []
    assert.deepEqual(key?.state, { spent: 10e8, reserved: 0, lapsed: 0 })
  })
})
