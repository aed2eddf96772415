import assert from 'node:assert/strict'
import { test } from 'node:test'
import { costOf, free, type Price, toDollars, unknownPrice } from './price.ts'
import { noUsage, type Usage } from './usage.ts'

const short = { input: 0.1, output: 0.5, cacheRead: 0.01, cacheWrite: 0.125, cacheWriteHour: 0.2 }
const long = { input: 0.5, output: 2.5, cacheRead: 0.05, cacheWrite: 0.625, cacheWriteHour: 1 }
const price: Price = {
  known: true,
  rates: short,
  longPrompt: { overTokens: 100_000, rates: long },
  version: 'test',
  source: 'test',
}

const cases: readonly { name: string; usage: Partial<Usage>; dollars: number }[] = [
  { name: 'nothing', usage: {}, dollars: 0 },
  { name: 'prompt tokens', usage: { input: 90_000 }, dollars: 0.009 },
  { name: 'reasoning is output', usage: { output: 1000, reasoning: 1000 }, dollars: 0.001 },
  {
    name: 'each bucket at its own rate',
    usage: { input: 1000, cacheRead: 1000, cacheWrite: 1000, cacheWriteHour: 1000, output: 1000 },
    // 0.1 + 0.01 + 0.125 + 0.2 + 0.5 dollars a million, of which a thousandth.
    dollars: 0.000935,
  },
  { name: 'at the limit of a short prompt', usage: { input: 50_000, cacheRead: 50_000 }, dollars: 0.0055 },
  {
    name: 'one token over it, everything costs more',
    usage: { input: 50_001, cacheRead: 50_000, output: 1000 },
    dollars: 0.0300005,
  },
]
for (const { name, usage, dollars } of cases) {
  test(name, () => assert.equal(toDollars(costOf({ ...noUsage, ...usage }, price) ?? Number.NaN), dollars))
}

test('an unknown price is not zero', () => {
  assert.equal(costOf({ ...noUsage, input: 5 }, unknownPrice), undefined)
  assert.equal(costOf({ ...noUsage, input: 5 }, free), 0)
})

test('sums stay exact', () => {
  const one = costOf({ ...noUsage, input: 1, output: 1 }, price) ?? 0
  assert.equal(toDollars(Array.from({ length: 1_000_000 }, () => one).reduce((a, b) => a + b)), 0.6)
})
