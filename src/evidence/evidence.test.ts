import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Cell, Check, Label, Profile } from '../core/evidence.ts'
import type { ModelCard } from '../core/model.ts'
import { free } from '../core/price.ts'
import { abilityOf, sizeOf } from './ability.ts'
import { Evidence } from './evidence.ts'
import { fitLogistic, sigmoid } from './logistic.ts'

const card = (name: string, more: Partial<ModelCard> = {}): ModelCard => ({
  name,
  provider: 'p',
  id: name,
  backend: 'local',
  maxComplexity: 0.5,
  auto: true,
  price: free,
  contextTokens: 1000,
  maxOutputTokens: 1000,
  fixedSampling: false,
  capabilities: [],
  capabilitiesFixed: false,
  dialects: [],
  ...more,
})
const small = card('llama-8b')
const strong = card('claude', { backend: 'cloud', maxComplexity: 1 })

const fact: Cell = { task: 'fact', length: 'short', language: 'en', turn: 'first' }
const profile = (cell: Partial<Cell> = {}, more: Partial<Profile> = {}): Profile => ({
  cell: { ...fact, ...cell },
  certainty: 1,
  parts: [],
  difficulty: 0,
  familiarity: 1,
  sketch: [],
  ...more,
})
const check = (mean: number, more: Partial<Check> = {}): Check => ({
  confidence: { mean, lowestWindow: mean * 2, lowest: mean * 3, tokens: 30 },
  findings: [],
  partial: false,
  ...more,
})
let ids = 0
const label = (good: number, more: Partial<Label> = {}): Label => ({
  id: `l${++ids}`,
  at: 0,
  model: 'llama-8b',
  source: 'feedback',
  good,
  weight: 1,
  requestId: '',
  client: '',
  cell: fact,
  difficulty: 0,
  sketch: [],
  ...more,
})
const times = (count: number, make: (index: number) => Label) =>
  Array.from({ length: count }, (_, index) => make(index))
const open = (labels: readonly Label[] = [], halfLifeDays = 60) =>
  new Evidence({ models: [small, strong], labels, halfLifeDays })

describe('what a model can do before anything was judged', () => {
  const sizes: readonly (readonly [name: string, billions: number | undefined])[] = [
    ['llama3.1:8b', 8],
    ['SmolLM2-135M-Instruct', 0.135],
    ['mixtral-8x7b', 12.6],
    ['qwen2.5-1.5b-instruct', 1.5],
    ['tinyllama', 1.1],
    ['phi', 2.7],
    ['my-model', undefined],
    ['gpt-4o-2024-08-06', undefined],
  ]
  for (const [name, billions] of sizes) test(`the size in ${name}`, () => assert.equal(sizeOf(name), billions))

  test('larger models can do more, and the cloud most', () => {
    const abilities = ['smollm2', 'tinyllama', 'phi', 'llama3.1:8b', 'llama-70b'].map((name) => abilityOf(card(name)))
    assert.deepEqual(
      abilities,
      [...abilities].sort((a, b) => a - b),
    )
    assert.ok(abilityOf(strong) > (abilities.at(-1) ?? 0))
  })

  test('the interval is wide, and says that it is a guess', () => {
    const { p, low, high, n, level } = open().chance(small, profile())
    assert.deepEqual([n, level], [0, 'prior'])
    assert.ok(low < p && p < high && high - low > 0.4)
  })
})

describe('judged replies', () => {
  test('of the cell count most, then of the kind of task, then of all', () => {
    const bad = times(60, () => label(0))
    const known = open(bad)
    const at = (cell: Partial<Cell>) => known.chance(small, profile(cell))
    const before = (cell: Partial<Cell>) => open().chance(small, profile(cell))
    assert.equal(at({}).level, 'cell')
    assert.equal(at({ length: 'long' }).level, 'task')
    assert.equal(at({ task: 'code' }).level, 'global')
    const drops = [{}, { length: 'long' as const }, { task: 'code' as const }].map(
      (cell) => before(cell).p - at(cell).p,
    )
    assert.ok(
      (drops[0] ?? 0) >= (drops[1] ?? 0) && (drops[1] ?? 0) > (drops[2] ?? 0) && (drops[2] ?? 0) > 0,
      String(drops),
    )
  })

  test('many of them make the interval narrow, around the rate', () => {
    const { p, low, high, n } = open(times(400, (index) => label(Number(index % 4 !== 0)))).chance(small, profile())
    assert.equal(Math.round(n), 400)
    assert.ok(Math.abs(p - 0.75) < 0.02 && high - low < 0.1, `${low} ${p} ${high}`)
  })

  test('count half after their half-life', () => {
    const day = 86_400_000
    const known = open([...times(100, () => label(0)), ...times(1, () => label(1, { at: 60 * day }))])
    assert.ok(Math.abs(known.chance(small, profile()).n - 51) < 1)
  })

  test('count less with time in drawers that nobody adds to, too', () => {
    const day = 86_400_000
    const code: Cell = { ...fact, task: 'code' }
    const known = open([...times(100, () => label(0)), label(1, { at: 120 * day, cell: code })])
    assert.ok(Math.abs(known.chance(small, profile()).n - 25) < 1e-6)
  })

  test('the same judgement twice counts once, and a new one replaces it', () => {
    const known = open()
    known.learn(label(0, { id: 'same' }))
    known.learn(label(1, { id: 'same' }))
    assert.equal(Math.round(known.chance(small, profile()).n), 1)
    const fresh = open([label(1, { id: 'same' })])
    assert.ok(Math.abs(known.chance(small, profile()).p - fresh.chance(small, profile()).p) < 1e-9)
  })

  test('of a comparison teach of the strong model, too', () => {
    const known = open(times(50, () => label(1, { source: 'shadow', strong: { model: 'claude', good: 0 } })))
    assert.ok(known.chance(strong, profile()).p < open().chance(strong, profile()).p - 0.3)
  })

  test('of one caller stay a share of what is known', () => {
    const known = open([...times(100, () => label(1, { client: 'a' })), ...times(60, () => label(0, { client: 'b' }))])
    assert.equal(known.roomFor(label(0, { client: 'b' }), 0.3), 0)
    assert.equal(known.roomFor(label(0, { client: 'c' }), 0.3), 60)
  })

  test('a harder request has a smaller chance', () => {
    const known = open()
    const at = (difficulty: number) => known.chance(small, profile({}, { difficulty })).p
    assert.ok(at(1) < at(0) && at(0) < at(-1))
  })
})

describe('look 2', () => {
  test('a surer reply has a better chance, without any label', () => {
    const known = open()
    const chances = [-3, -1, -0.3, -0.05, -0.001].map((mean) => known.judge(small, profile(), check(mean)))
    assert.deepEqual(
      chances,
      [...chances].sort((a, b) => a - b),
    )
    assert.ok((chances.at(-1) ?? 0) - (chances[0] ?? 0) > 0.4)
  })

  test('a reply of no use has none, whatever its probabilities', () => {
    const findings = [{ name: 'empty', weight: 'fatal', detail: '' }] as const
    assert.ok(open().judge(small, profile(), check(-0.001, { findings })) <= 0.02)
  })

  test('a doubt lowers it', () => {
    const findings = [{ name: 'hedging', weight: 'doubt', detail: '' }] as const
    const known = open()
    assert.ok(known.judge(small, profile(), check(-0.3, { findings })) < known.judge(small, profile(), check(-0.3)))
  })

  test('what the model says of its own reply counts', () => {
    const known = open()
    const at = (selfCheck: number) => known.judge(small, profile(), check(-0.3, { selfCheck }))
    assert.ok(at(0.05) < at(0.95))
  })

  test('labels teach what confidence means for this model and kind of task', () => {
    // Here only very sure replies are right.
    const seen = times(300, (index) => {
      const sure = index % 2 === 0
      return label(Number(sure), { check: check(sure ? -0.01 : -0.2) })
    })
    const known = open(seen)
    assert.ok(known.judge(small, profile(), check(-0.01)) > 0.9)
    assert.ok(known.judge(small, profile(), check(-0.2)) < 0.1)
    const blind = open()
    assert.ok(blind.judge(small, profile(), check(-0.2)) > 0.3)
  })

  test('what confidence meant a year ago gives way to what it means now', () => {
    const year = 365 * 86_400_000
    const seen = (at: number, sureIsGood: boolean) => (index: number) => {
      const sure = index % 2 === 0
      return label(Number(sure === sureIsGood), { at, check: check(sure ? -0.02 : -0.8) })
    }
    const known = open([...times(400, seen(0, true)), ...times(100, seen(year, false))])
    assert.ok(known.judge(small, profile(), check(-0.02)) < 0.2)
    assert.ok(known.judge(small, profile(), check(-0.8)) > 0.8)
  })

  test('without probabilities the chance is that of look 1, nearly', () => {
    const known = open()
    const judged = known.judge(small, profile(), { findings: [], partial: false })
    assert.ok(Math.abs(judged - known.chance(small, profile()).p) < 0.15)
  })
})

describe('certificates', () => {
  const compared = (count: number, losses: number) =>
    times(count, (index) => label(Number(index >= losses), { source: 'shadow', strong: { model: 'claude', good: 1 } }))
  const row = (labels: readonly Label[], target = 0.95) =>
    open(labels)
      .rows(target)
      .find(({ model }) => model === 'llama-8b')

  test('too few comparisons certify nothing, and say how many are needed', () => {
    assert.deepEqual([row(compared(20, 0))?.status, row(compared(20, 0))?.needed], ['not enough data', 59])
  })
  test('59 without a loss certify 95 %', () => assert.equal(row(compared(59, 0))?.status, 'certified'))
  test('a loss too many does not', () => assert.equal(row(compared(59, 1))?.status, 'not certified'))
  test('a looser target needs fewer', () => assert.equal(row(compared(30, 0), 0.9)?.status, 'certified'))
  test('feedback alone certifies nothing', () => {
    assert.equal(row(times(200, () => label(1)))?.status, 'not enough data')
  })
})

test('logistic regression finds what made the data, and keeps to its prior where there is little', () => {
  const observations = Array.from({ length: 4000 }, (_, index) => {
    const x = [1, (index % 21) / 10 - 1]
    return { x, y: sigmoid(0.5 + 2 * (x[1] ?? 0)), weight: 1 }
  })
  const [intercept = 0, slope = 0] = fitLogistic(observations, [0, 0], [1, 1])
  assert.ok(Math.abs(intercept - 0.5) < 0.05 && Math.abs(slope - 2) < 0.05)
  const [, kept = 0] = fitLogistic(observations.slice(0, 3), [0, -1], [10, 10])
  assert.ok(Math.abs(kept + 1) < 0.3)
})
