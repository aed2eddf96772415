import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Chance, Profile } from '../core/evidence.ts'
import type { ModelCard } from '../core/model.ts'
import { free, type Price, unknownPrice } from '../core/price.ts'
import type { ChatRequest } from '../core/request.ts'
import { byEvidence, evidenceComplexity } from './by-evidence.ts'
import type { Candidate, RouterPolicy } from './candidates.ts'
import type { Steering, Threshold } from './steering.ts'

const paid = (output: number): Price => ({
  known: true,
  rates: { input: 1, output, cacheRead: 0.1, cacheWrite: 1.25, cacheWriteHour: 2 },
  version: 'test',
  source: 'test',
})

const request: ChatRequest = {
  id: 'r1',
  dialect: 'native',
  model: 'auto',
  messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
  stream: false,
  caching: 'off',
}
const profile: Profile = {
  cell: { task: 'fact', length: 'short', language: 'en', turn: 'first' },
  certainty: 0.9,
  parts: [],
  difficulty: 0,
  familiarity: 1,
  sketch: [],
}
const policy: RouterPolicy = {
  useLocalForSimple: true,
  complexityThreshold: undefined,
  unknownPrice: 'flag',
  expectedOutputTokens: 500,
  aliases: {},
}

interface Model {
  readonly name: string
  readonly p: number
  readonly low?: number
  readonly cost?: number
  readonly local?: boolean
  readonly size?: number
  readonly unpriced?: boolean
  readonly preferences?: number
}

const small: Model = { name: 'small', p: 0.5, local: true, size: 0.3 }
const big: Model = { name: 'big', p: 0.7, local: true, size: 0.6 }
const mid: Model = { name: 'mid', p: 0.85, low: 0.8, cost: 100 }
const best: Model = { name: 'best', p: 0.95, cost: 1000 }

function candidateOf({ name, cost = 0, local = false, size = 1, unpriced = false, preferences = 0 }: Model): Candidate {
  const model = {
    name,
    provider: 'p',
    id: name,
    backend: local ? 'local' : 'cloud',
    maxComplexity: size,
    auto: true,
    price: unpriced ? unknownPrice : local ? free : paid(5),
    contextTokens: 1000,
    maxOutputTokens: 1000,
    fixedSampling: false,
    capabilities: [],
    capabilitiesFixed: false,
    dialects: [],
  } satisfies ModelCard
  return { model, reach: size, cost: unpriced ? undefined : cost, shortfall: undefined, preferences }
}

interface Given {
  readonly models: readonly Model[]
  readonly allowance?: number
  /** Tried first although look 1 alone would not ship them. */
  readonly tried?: readonly string[]
  readonly judged?: boolean
  readonly stay?: string
  readonly policy?: Partial<RouterPolicy>
}

function order({ models, allowance = 0.1, tried = [], judged = true, stay, policy: changed }: Given) {
  const chances = new Map(
    models.map(({ name, p, low = p - 0.05 }): [string, Chance] => [name, { p, low, high: p, n: 40, level: 'task' }]),
  )
  const chance = (model: ModelCard) =>
    chances.get(model.name) ?? { p: 0, low: 0, high: 1, n: 0, level: 'prior' as const }
  const steering: Steering = {
    chance,
    judges: ({ backend }) => judged && backend === 'local',
    threshold: ({ candidate, strong }): Threshold => ({
      allowance,
      tryFirst: tried.includes(candidate.model.name) || strong.chance.p - candidate.chance.low <= allowance,
      mayEscalate: true,
      rule: 'quality',
      words: 'the test says so',
    }),
    ban: () => undefined,
    stay: () => (stay === undefined ? undefined : { model: stay, words: 'goes on' }),
  }
  return byEvidence(models.map(candidateOf), { request, profile, steering, policy: { ...policy, ...changed } })
}

const cases: readonly (Given & {
  readonly name: string
  readonly plan: readonly string[]
  readonly strong?: string
})[] = [
  { name: 'one model alone', models: [best], plan: ['best'] },
  { name: 'none is near enough: the best chance', models: [small, best], plan: ['best', 'small'] },
  {
    name: 'a local one whose reply is judged',
    models: [small, best],
    tried: ['small'],
    plan: ['small', 'best'],
    strong: 'best',
  },
  {
    name: 'the likelier of two local ones',
    models: [small, big, best],
    tried: ['small', 'big'],
    plan: ['big', 'best', 'small'],
    strong: 'best',
  },
  {
    name: 'the smaller of two local ones that are near enough',
    models: [{ ...small, p: 0.93 }, { ...big, p: 0.94 }, best],
    plan: ['small', 'best', 'big'],
    strong: 'best',
  },
  {
    name: 'nothing is passed on where replies are not judged',
    models: [{ ...small, p: 0.93 }, best],
    judged: false,
    plan: ['small', 'best'],
  },
  { name: 'a cheaper cloud model that is near enough', models: [mid, best], allowance: 0.2, plan: ['mid', 'best'] },
  { name: 'a cheaper cloud model that is not', models: [mid, best], allowance: 0.1, plan: ['best', 'mid'] },
  {
    name: 'an unknown price comes last',
    models: [{ ...mid, p: 0.95, unpriced: true }, best],
    allowance: 0.2,
    plan: ['best', 'mid'],
  },
  {
    name: 'what the caller would like comes before the price',
    models: [
      { ...big, p: 0.94 },
      { ...best, preferences: 1 },
    ],
    plan: ['best', 'big'],
  },
  {
    name: 'a conversation stays where it is',
    models: [{ ...small, p: 0.95 }, best],
    stay: 'best',
    plan: ['best', 'small'],
  },
  {
    name: 'a conversation whose model is gone does not',
    models: [{ ...small, p: 0.95 }, best],
    stay: 'gone',
    plan: ['small', 'best'],
  },
  {
    name: 'the operator wants the cloud first',
    models: [{ ...small, p: 0.95 }, best],
    policy: { useLocalForSimple: false },
    plan: ['best', 'small'],
  },
  {
    name: 'over the operator’s border no local model is tried',
    models: [small, best],
    tried: ['small'],
    policy: { complexityThreshold: 0.4 },
    plan: ['best', 'small'],
  },
]

describe('the order by the evidence', () => {
  for (const { name, plan, strong, ...given } of cases) {
    test(name, () => {
      const { order: ranked, assessment } = order(given)
      assert.deepEqual(
        ranked.map(({ model }) => model.name),
        plan,
      )
      assert.equal(assessment?.strong, strong)
      assert.deepEqual(
        assessment?.chances.map(({ model }) => model),
        plan,
      )
    })
  }

  test('nobody is there', () => {
    assert.deepEqual(order({ models: [] }).order, [])
  })

  test('the words say what decided, in percent', () => {
    assert.match(
      order({ models: [small, best] }).words,
      /best has the best chance, 95 %; small with 50 % is too far below/,
    )
    const judged = order({ models: [small, best], tried: ['small'] }).words
    assert.match(judged, /small answers first, with a chance of 50 %, and passes on to best .* less than 85 % good/)
  })
})

describe('complexity', () => {
  const steering = (p: number): Steering => ({
    chance: (_model, { difficulty }) => ({ p: p - difficulty / 10, low: 0, high: 1, n: 3, level: 'cell' }),
    judges: () => true,
    threshold: () => ({ allowance: 0, tryFirst: true, mayEscalate: true, rule: 'quality', words: '' }),
    ban: () => undefined,
    stay: () => undefined,
  })

  test('is one minus the chance of the cheapest local model', () => {
    const given = { request, profile: { ...profile, difficulty: 1 }, steering: steering(0.8), policy }
    const { value, factors, reasoning } = evidenceComplexity([best, small].map(candidateOf), given)
    assert.equal(value, 0.3)
    assert.deepEqual(
      factors.map(({ name, points }) => [name, points]),
      [
        ['task', 0.2],
        ['difficulty', 0.1],
      ],
    )
    assert.match(reasoning, /^Complexity 0.30: short task of the kind fact, language en; small is good enough in 70 %/)
  })

  test('is 1 where no model can be judged', () => {
    assert.equal(evidenceComplexity([], { request, profile, steering: steering(0.8), policy }).value, 1)
  })
})
