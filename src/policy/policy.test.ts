import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Chance } from '../core/evidence.ts'
import { periodOf } from '../core/period.ts'
import { StrongAlarm } from './alarm.ts'
import { BudgetPacer } from './budget.ts'
import { Latencies } from './latency.ts'
import { type Option, Policy, type PolicyOptions, type Terms } from './policy.ts'
import { QualityPacer } from './quality.ts'
import { StrongQuota } from './quota.ts'
import { Sessions, switchCost } from './sessions.ts'

const hour = 3_600_000
const day = 24 * hour
const monday = Date.UTC(2026, 0, 5)

describe('budget', () => {
  const open = (dollars: number, at: () => number, spent = 0) =>
    new BudgetPacer({ dollars, period: 'week', spent, now: at })

  test('what is reserved is not there for others, and comes back as it was not spent', () => {
    const budget = open(1, () => monday)
    const first = budget.reserve(0.6)
    assert.equal(budget.reserve(0.6), undefined)
    first?.settle(0.1)
    first?.settle(0.5)
    assert.ok(Math.abs(budget.left - 0.9) < 1e-9 && Math.abs(budget.spent - 0.1) < 1e-9)
  })

  test('a new period has all of it again, and what ran over the border counts there', () => {
    let now = monday + 6 * day
    const budget = open(1, () => now)
    const late = budget.reserve(0.5)
    now = monday + 7 * day
    late?.settle(0.2)
    assert.ok(Math.abs(budget.left - 0.8) < 1e-9)
  })

  test('a dollar must buy more while spending is ahead of the plan, and nothing special within it', () => {
    let now = monday + 3.5 * day
    const budget = open(1, () => now)
    budget.reserve(0.4)?.settle(0.4)
    assert.equal(budget.worth(0.01), 0)
    budget.reserve(0.4)?.settle(0.4)
    const ahead = budget.worth(0.01)
    assert.ok(ahead > 0)
    now += 2 * day
    assert.ok(budget.worth(0.01) < ahead)
  })

  test('what was spent before a restart is not there again', () =>
    assert.equal(open(1, () => monday, 0.9).reserve(0.2), undefined))

  const periods: readonly (readonly ['day' | 'week' | 'month', string, string])[] = [
    ['day', '2026-02-28', '2026-03-01'],
    ['week', '2026-02-23', '2026-03-02'],
    ['month', '2026-02-01', '2026-03-01'],
  ]
  for (const [period, start, end] of periods) {
    test(`the ${period} of a Saturday`, () => {
      const told = periodOf(period, Date.UTC(2026, 1, 28, 12))
      assert.deepEqual([told.start, told.end], [Date.parse(start), Date.parse(end)])
    })
  }
})

describe('quality', () => {
  const traffic = (pacer: QualityPacer, count: number, local: (index: number) => number, strong = 0.95) => {
    for (let index = 0; index < count; index++) pacer.saw({ local: local(index), strong })
  }

  test('before there is traffic, each request must meet the target by itself', () => {
    const pacer = new QualityPacer({ target: 0.9 })
    assert.ok(Math.abs(pacer.allowance(0.8) - 0.08) < 1e-9)
  })

  test('easy traffic lets single replies be worse than the target, hard traffic does not', () => {
    const easy = new QualityPacer({ target: 0.9 })
    traffic(easy, 400, (index) => (index % 10 === 0 ? 0.5 : 0.95))
    const hard = new QualityPacer({ target: 0.9 })
    traffic(hard, 400, () => 0.6)
    assert.ok(easy.allowance(0.95) > 0.2, String(easy.allowance(0.95)))
    assert.ok(hard.allowance(0.95) < 0.36, String(hard.allowance(0.95)))
  })

  test('comparisons that lose more than was claimed tighten it', () => {
    const allowanceAfter = (lost: boolean) => {
      const pacer = new QualityPacer({ target: 0.9 })
      for (let index = 0; index < 200; index++) {
        const local = lost && index % 3 === 0 ? 0 : 1
        pacer.audit({ local, strong: 1, claimed: 0.9, claimedStrong: 0.95 })
      }
      traffic(pacer, 400, (index) => 0.7 + (index % 25) / 100)
      return pacer.allowance(0.95)
    }
    assert.ok(allowanceAfter(true) < allowanceAfter(false))
  })
})

describe('quota', () => {
  test('so many strong calls in an hour, for each caller', () => {
    let now = monday
    const quota = new StrongQuota({ strongShare: 1, strongPerHour: 3, now: () => now })
    for (let i = 0; i < 3; i++) {
      assert.equal(quota.refusal('a'), undefined)
      quota.spent('a')
    }
    assert.match(quota.refusal('a')?.words ?? '', /3 calls of paid models in an hour/)
    assert.equal(quota.refusal('b'), undefined)
    now += hour + 1
    assert.equal(quota.refusal('a'), undefined)
  })

  test('a share of the requests', () => {
    const quota = new StrongQuota({ strongShare: 0.5, strongPerHour: 1e6, now: () => monday })
    let strong = 0
    for (let i = 0; i < 1000; i++) {
      quota.saw('a')
      if (quota.refusal('a') !== undefined) continue
      quota.spent('a')
      strong++
    }
    assert.ok(strong >= 490 && strong <= 510, String(strong))
  })
})

test('the alarm is raised once when the share of strong calls jumps, and cleared once', () => {
  const alarm = new StrongAlarm()
  const news: boolean[] = []
  const feed = (count: number, every: number) => {
    for (let i = 0; i < count; i++) {
      const told = alarm.saw('a', i % every === 0)
      if (told !== undefined) news.push(told.raised)
    }
  }
  feed(500, 10)
  assert.deepEqual(news, [])
  feed(60, 1)
  assert.deepEqual([news, alarm.active], [[true], 1])
  feed(500, 10)
  assert.deepEqual([news, alarm.active], [[true, false], 0])
})

describe('sessions', () => {
  test('a conversation that was too hard stays with the strong model for some turns', () => {
    const sessions = new Sessions(() => monday)
    sessions.saw('s', { model: 'claude', escalated: true, tokens: 100 })
    const sticky = () => sessions.last('s')?.sticky
    assert.equal(sticky(), true)
    for (let turn = 0; turn < 3; turn++) sessions.saw('s', { model: 'claude', escalated: false, tokens: 100 })
    assert.equal(sticky(), false)
  })

  test('a warm prompt is warm for five minutes', () => {
    let now = monday
    const sessions = new Sessions(() => now)
    sessions.saw('s', { model: 'claude', escalated: false, tokens: 1000 })
    assert.equal(sessions.last('s')?.cachedTokens, 1000)
    now += 300_000
    assert.equal(sessions.last('s')?.cachedTokens, 0)
    assert.equal(sessions.last('other'), undefined)
  })

  test('what losing it costs', () => {
    assert.ok(Math.abs(switchCost(100_000, { input: 3, cacheRead: 0.3 }) - 0.27) < 1e-9)
  })
})

test('latencies follow what was seen', () => {
  const latencies = new Latencies()
  const before = latencies.expected('a', 'local', 100)
  for (let i = 0; i < 60; i++) latencies.saw('a', { first: 0.1, seconds: 1.1, tokens: 100 })
  assert.ok(before > 1.5 && Math.abs(latencies.expected('a', 'local', 100) - 1.1) < 0.05)
})

const terms = (more: Partial<Terms> = {}): Terms => ({
  mode: 'auto',
  quality: undefined,
  maxCost: undefined,
  maxLatency: undefined,
  budget: undefined,
  quota: { strongShare: 1, strongPerHour: 1000 },
  ...more,
})
const chance = (p: number, low = p - 0.05): Chance => ({ p, low, high: p + 0.02, n: 50, level: 'task' })
const option = (name: string, p: number, more: Partial<Option> = {}): Option => ({
  name,
  backend: 'local',
  chance: chance(p),
  dollars: 0,
  tokens: 100,
  ...more,
})
const claude = option('claude', 0.95, { backend: 'cloud', dollars: 0.01 })
const open = (everybody: Partial<Terms> = {}, more: Partial<PolicyOptions> = {}) =>
  new Policy({ everybody: terms(everybody), byCaller: new Map(), allowance: 0.1, ...more })

describe('the bound', () => {
  const bound = (policy: Policy, p: number, judged = true, wish = {}) =>
    policy.bound({ caller: '', wish, candidate: option('llama', p), strong: claude, judged })

  const cases: readonly (readonly [name: string, p: number, judged: boolean, tried: boolean])[] = [
    ['near enough', 0.92, false, true],
    ['not near enough, unseen', 0.7, false, false],
    ['not near enough, but looked at before it ships', 0.7, true, true],
    ['without hope', 0.2, true, false],
  ]
  for (const [name, p, judged, tried] of cases) {
    test(`a candidate that is ${name}`, () => assert.equal(bound(open(), p, judged).tryFirst, tried))
  }

  test('a quality that is asked for sets it, and says that it is not certified', () => {
    const told = bound(open(), 0.9, true, { quality: 0.98 })
    assert.ok(Math.abs(told.allowance - 0.019) < 1e-9)
    assert.match(told.words, /98 % of the strong model's quality is the target, not certified/)
  })

  test('a budget that runs out too fast loosens it', () => {
    const policy = open({ budget: { dollars: 1, period: 'month' } }, { now: () => Date.UTC(2026, 0, 2) })
    for (let i = 0; i < 80; i++) policy.reserve('', 0.01)?.settle(0.01)
    const told = policy.bound({
      caller: '',
      wish: { quality: 0.99 },
      candidate: option('llama', 0.6),
      strong: claude,
      judged: true,
    })
    assert.equal(told.rule, 'budget')
    assert.ok(told.allowance > 0.3)
  })

  test('where there is no time for both, only one is asked', () => {
    const told = bound(open(), 0.7, true, { maxLatency: 3 })
    assert.deepEqual([told.rule, told.tryFirst, told.mayEscalate], ['latency', false, false])
  })
})

describe('what a caller may ask', () => {
  const wishes: readonly (readonly [
    name: string,
    terms: Partial<Terms>,
    wish: object,
    expected: object | undefined,
  ])[] = [
    ['nothing', {}, {}, undefined],
    [
      'what the operator forbids stays forbidden',
      { mode: 'local-only' },
      { mode: 'cloud-only' },
      { mode: 'local-only' },
    ],
    ['a limit can be tightened', { maxCost: 0.1 }, { maxCost: 0.01 }, { maxCost: 0.01 }],
    ['and not loosened', { maxCost: 0.01 }, { maxCost: 5 }, { maxCost: 0.01 }],
    ['another quality', { quality: 0.9 }, { quality: 0.99 }, { quality: 0.99 }],
  ]
  for (const [name, everybody, wish, expected] of wishes) {
    test(name, () => assert.deepEqual(open(everybody).wishOf('', wish), expected))
  }

  test('a key has its own policy', () => {
    const policy = open({ quality: 0.9 }, { byCaller: new Map([['k', terms({ mode: 'local-only', quality: 0.8 })]]) })
    assert.deepEqual(policy.wishOf('k', undefined), { mode: 'local-only', quality: 0.8 })
    assert.deepEqual(policy.wishOf('', undefined), { quality: 0.9 })
  })
})

describe('bans', () => {
  test('over the limit of the request, or of unknown price under one', () => {
    const policy = open()
    assert.match(policy.ban('', { maxCost: 0.001 }, 0.01)?.words ?? '', /over the limit of \$0.001/)
    assert.match(policy.ban('', { maxCost: 0.001 }, undefined)?.words ?? '', /its price is unknown/)
    assert.equal(policy.ban('', undefined, undefined), undefined)
  })

  test('what a caller orders itself is paid from the budget, too', () => {
    const policy = open({ budget: { dollars: 1, period: 'day' } })
    policy.charge('', 2)
    assert.equal(policy.ban('', undefined, 0.01)?.rule, 'budget')
  })

  test('a key with a budget of its own does not spend everybody’s', () => {
    const own = terms({ budget: { dollars: 1, period: 'day' } })
    const policy = open({ budget: { dollars: 1, period: 'day' } }, { byCaller: new Map([['k', own]]) })
    policy.reserve('k', 1)?.settle(1)
    assert.equal(policy.ban('k', undefined, 0.01)?.rule, 'budget')
    assert.equal(policy.ban('other', undefined, 0.01), undefined)
  })
})
