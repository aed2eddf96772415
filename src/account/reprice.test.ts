import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { attempt, receipt } from '../../test/fixtures/receipt.ts'
import type { ModelCard } from '../core/model.ts'
import { freeRates, type Price, unknownPrice } from '../core/price.ts'
import { openMemoryLedger } from '../stores/memory.ts'
import type { LedgerStore } from '../stores/store.ts'
import { reprice } from './reprice.ts'
import { differingHours } from './verify-usage.ts'

const priceOf = (input: number): Price => ({
  known: true,
  rates: { ...freeRates, input },
  version: `at ${input}`,
  source: 'test',
})
const card = (name: string, price: Price) => ({ name, price }) as ModelCard
const usage = { input: 10, cacheRead: 0, cacheWrite: 0, cacheWriteHour: 0, output: 0, reasoning: 0 }
/** Ten tokens at a dollar a million. */
const one = 10_000

/** litellm #20615: a price that was wrong once blocked a user for good. */
describe('costs computed again', () => {
  let store: LedgerStore
  beforeEach(async () => {
    store = await openMemoryLedger()
  })
  afterEach(() => store.close())

  const options = {
    since: 0,
    until: Number.MAX_SAFE_INTEGER,
    model: undefined,
    models: [card('a', priceOf(2)), card('b', priceOf(3)), card('nobody knows', unknownPrice)],
    baseline: card('baseline', priceOf(5)),
    write: true,
  }
  const row = (id: string, model: string, more: Parameters<typeof receipt>[0] = {}) =>
    receipt({ id, model, usage, cost: 1, attempts: [attempt({ model, usage, cost: 1 })], ...more })

  test('are those of the tokens at the prices of today, in the rows and in the sums', async () => {
    await store.write([
      row('1', 'a'),
      row('2', 'a', { attempts: [attempt({ model: 'a', usage }), attempt({ model: 'b', usage })] }),
      row('removed', 'gone'),
      row('unpriced', 'nobody knows'),
      row('hit', 'a', { attempts: [], cost: 0, priceVersion: 'cache', cache: 'hit' }),
      row('failed', 'a', { status: 'failed', baselineCost: 0 }),
    ])
    const result = await reprice(store, options)
    assert.deepEqual([result.rows, result.unknownBefore, result.unknownAfter], [6, 0, 1])
    const costs = await Promise.all(
      ['1', '2', 'removed', 'unpriced', 'hit', 'failed'].map(async (id) => (await store.find(id))?.cost),
    )
    assert.deepEqual(costs, [2 * one, 5 * one, 1, undefined, 0, 2 * one])
    const hit = await store.find('hit')
    assert.deepEqual([hit?.priceVersion, hit?.baselineCost, hit?.baselineVersion], ['cache', 5 * one, 'at 5'])
    assert.equal((await store.find('failed'))?.baselineCost, 0)
    const { groups } = await store.stats(0)
    assert.equal(
      groups.reduce((sum, { cost }) => sum + cost, 0),
      9 * one + 1,
    )
    assert.equal((await store.spent(0)).get(''), 9 * one + 1)
    assert.deepEqual(await reprice(store, options), {
      ...result,
      changed: 0,
      before: 0,
      after: 0,
      unknownBefore: 0,
      unknownAfter: 0,
    })
  })

  test('of one model alone leave the others and the baseline', async () => {
    await store.write([row('1', 'a'), row('2', 'b')])
    const result = await reprice(store, { ...options, model: 'a' })
    assert.deepEqual([result.changed, result.before, result.after], [1, 1, 2 * one])
    assert.deepEqual([(await store.find('1'))?.baselineCost, (await store.find('2'))?.cost], [100, 1])
  })

  test('are only told where nothing is to be written, and touch no row outside the time or open', async () => {
    await store.write([row('1', 'a', { startedAt: 10 }), row('2', 'a', { startedAt: 20 })])
    await store.write([row('open', 'a', { startedAt: 10, status: 'open' })])
    const told = await reprice(store, { ...options, until: 15, write: false })
    assert.deepEqual([told.changed, told.after, (await store.find('1'))?.cost], [1, 2 * one, 1])
    await reprice(store, { ...options, until: 15 })
    const costs = await Promise.all(['1', '2', 'open'].map(async (id) => (await store.find(id))?.cost))
    assert.deepEqual(costs, [2 * one, 1, 1])
  })

  test('of many rows keep every hour’s sums those of its rows', async () => {
    const hour = 3_600_000
    await store.write(
      Array.from({ length: 3500 }, (_, index) => row(String(index), 'a', { startedAt: (index * hour) / 100 })),
    )
    assert.equal((await reprice(store, options)).changed, 3500)
    const differing: number[] = []
    for await (const found of differingHours(store)) differing.push(found)
    assert.deepEqual(differing, [])
    assert.equal((await store.stats(0)).groups[0]?.cost, 3500 * 2 * one)
  })
})
