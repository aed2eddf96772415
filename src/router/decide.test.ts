import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ModelCard } from '../core/model.ts'
import { free, type Price, unknownPrice } from '../core/price.ts'
import type { ChatRequest } from '../core/request.ts'
import type { Facts } from '../signals/signal.ts'
import type { Catalog, RouterPolicy } from './candidates.ts'
import { decide } from './decide.ts'

const paid: Price = {
  known: true,
  rates: { input: 2, output: 10, cacheRead: 0.2, cacheWrite: 2.5, cacheWriteHour: 4 },
  version: 'test',
  source: 'test',
}
const tinyllama = card('tinyllama', 'local', 0.3, free)
const phi2 = card('phi2', 'local', 0.6, free)
const claude = card('claude-sonnet', 'cloud', 1, paid)
const all = [tinyllama, phi2, claude]

const policy: RouterPolicy = {
  useLocalForSimple: true,
  complexityThreshold: undefined,
  unknownPrice: 'flag',
  expectedOutputTokens: 500,
  aliases: {},
}

/** Facts that add up to a given complexity, in tenths. */
const factsFor: Readonly<Record<number, Partial<Facts>>> = {
  0: { taskType: 'question' },
  1: {},
  2: { keywords: { complex: ['design'], simple: [] } },
  3: { promptLength: 200 },
  4: { promptLength: 200, keywords: { complex: ['design'], simple: [] } },
  5: { promptLength: 900 },
  6: { promptLength: 200, code: ['def', 'class'] },
  7: { promptLength: 900, taskType: 'creative' },
  8: { promptLength: 900, code: ['def', 'class'] },
}

describe('the thresholds', () => {
  const expected: readonly (readonly [tenths: number, model: string])[] = [
    [0, 'tinyllama'],
    [1, 'tinyllama'],
    [2, 'tinyllama'],
    [3, 'phi2'],
    [4, 'phi2'],
    [5, 'phi2'],
    [6, 'phi2'],
    [7, 'claude-sonnet'],
    [8, 'claude-sonnet'],
  ]
  for (const [tenths, model] of expected) {
    test(`complexity 0.${tenths} goes to ${model}`, () => {
      const decision = run({ tenths })
      assert.equal(decision.complexity, tenths / 10)
      assert.equal(decision.plan[0]?.name, model)
      assert.equal(decision.degraded, false)
    })
  }
})

describe('only available models are candidates', () => {
  const cases = [
    {
      name: 'no phi2: the next cheapest that may',
      tenths: 4,
      down: ['phi2'],
      plan: ['claude-sonnet', 'tinyllama'],
      degraded: false,
    },
    { name: 'no tinyllama', tenths: 1, down: ['tinyllama'], plan: ['phi2', 'claude-sonnet'], degraded: false },
    {
      name: 'no cloud: the strongest that is there',
      tenths: 8,
      down: ['claude-sonnet'],
      plan: ['phi2', 'tinyllama'],
      degraded: true,
    },
    { name: 'at its limit, alone', tenths: 3, down: ['phi2'], plan: ['tinyllama', 'claude-sonnet'], degraded: false },
    { name: 'nothing at all', tenths: 3, down: ['phi2', 'tinyllama', 'claude-sonnet'], plan: [], degraded: false },
  ]
  for (const { name, tenths, down, plan, degraded } of cases) {
    test(name, () => {
      const decision = run({ tenths, down })
      assert.deepEqual(
        decision.plan.map((model) => model.name),
        plan,
      )
      assert.equal(decision.degraded, degraded)
      assert.equal(decision.degradedReason !== '', degraded)
    })
  }

  test('the reason for a weaker model stands in the reasoning', () => {
    const { reasoning } = run({ tenths: 8, down: ['claude-sonnet'] })
    assert.match(
      reasoning,
      /^Complexity 0\.80: long prompt, contains code\. phi2 answers, though claude-sonnet is unavailable \(down\)$/,
    )
  })
})

describe('the operator decides', () => {
  test('USE_LOCAL_FOR_SIMPLE=false goes to the cloud, and falls back on local models', () => {
    assert.deepEqual(names(run({ tenths: 0, policy: { useLocalForSimple: false } })), [
      'claude-sonnet',
      'tinyllama',
      'phi2',
    ])
  })
  test('USE_LOCAL_FOR_SIMPLE=false without a cloud stays local', () => {
    assert.equal(
      names(run({ tenths: 0, policy: { useLocalForSimple: false }, down: ['claude-sonnet'] }))[0],
      'tinyllama',
    )
  })
  test('a lower threshold sends more to the cloud', () => {
    assert.equal(names(run({ tenths: 5, policy: { complexityThreshold: 0.4 } }))[0], 'claude-sonnet')
    assert.equal(names(run({ tenths: 4, policy: { complexityThreshold: 0.4 } }))[0], 'phi2')
  })
  test('a higher threshold keeps more local, on the strongest local model', () => {
    assert.equal(names(run({ tenths: 8, policy: { complexityThreshold: 0.8 } }))[0], 'phi2')
    assert.equal(names(run({ tenths: 1, policy: { complexityThreshold: 0.8 } }))[0], 'tinyllama')
  })
  test('an unknown price comes last, or not at all', () => {
    const mystery = card('mystery', 'cloud', 1, unknownPrice)
    assert.deepEqual(names(run({ tenths: 8, models: [mystery, claude] })), ['claude-sonnet', 'mystery'])
    assert.deepEqual(names(run({ tenths: 8, models: [mystery, claude], policy: { unknownPrice: 'refuse' } })), [
      'claude-sonnet',
    ])
    assert.match(run({ tenths: 8, models: [mystery] }).reasoning, /its price is unknown/)
  })
  test('a model that is not for auto answers only by name', () => {
    const opus = { ...claude, name: 'claude-opus', auto: false }
    assert.deepEqual(names(run({ tenths: 8, models: [opus, claude] })), ['claude-sonnet'])
    assert.deepEqual(names(run({ tenths: 0, models: [opus, claude], model: 'claude-opus' })), ['claude-opus'])
  })
})

describe('a named model', () => {
  test('is pinned, whatever the complexity, and even while it is down', () => {
    const decision = run({ tenths: 8, model: 'tinyllama', down: ['tinyllama'] })
    assert.deepEqual(names(decision), ['tinyllama'])
    assert.equal(decision.pinned, true)
  })
  test('that is unknown is refused with the list of the known', () => {
    assert.throws(() => run({ tenths: 1, model: 'gpt-9' }), {
      code: 'unknown_model',
      message:
        "model 'gpt-9' is not configured; the known ones are: auto, tinyllama, phi2, claude-sonnet. Other names can be given a meaning with router.aliases",
    })
  })
  test('without a price is refused where the operator says so', () => {
    const mystery = card('mystery', 'cloud', 1, unknownPrice)
    assert.throws(() => run({ tenths: 1, models: [mystery], model: 'mystery', policy: { unknownPrice: 'refuse' } }), {
      code: 'forbidden',
    })
  })
})

test('the estimate counts the prompt and the expected reply', () => {
  // 40 characters are 10 tokens at $2, 500 tokens of reply at $10 a million: 0.00002 + 0.005 dollars.
  const decision = run({ tenths: 8, text: 'x'.repeat(40) })
  assert.equal(decision.estimatedCost, 5_020_000)
  assert.equal(run({ tenths: 1 }).estimatedCost, 0)
  assert.equal(run({ tenths: 1 }).runnerUp?.model, 'phi2')
})

interface Run {
  readonly tenths: number
  readonly down?: readonly string[]
  readonly models?: readonly ModelCard[]
  readonly model?: string
  readonly text?: string
  readonly policy?: Partial<RouterPolicy>
}

function run({ tenths, down = [], models = all, model = 'auto', text = 'x', policy: changes = {} }: Run) {
  const request: ChatRequest = {
    id: 'test',
    dialect: 'native',
    model,
    messages: [{ role: 'user', content: [{ type: 'text', text }] }],
    stream: false,
    caching: 'use',
  }
  const facts: Facts = {
    promptLength: 10,
    keywords: { complex: [], simple: [] },
    code: [],
    taskType: 'other',
    profile: {
      cell: { task: 'other', length: 'short', language: 'en', turn: 'first' },
      certainty: 1,
      parts: [],
      difficulty: 0,
      familiarity: 0,
      sketch: [],
    },
    ...factsFor[tenths],
  }
  const catalog: Catalog = {
    models,
    availability: ({ name }) => ({ available: !down.includes(name), reason: down.includes(name) ? 'down' : '' }),
  }
  return decide(request, facts, catalog, { ...policy, ...changes })
}

function names({ plan }: { readonly plan: readonly ModelCard[] }): string[] {
  return plan.map(({ name }) => name)
}

function card(name: string, backend: ModelCard['backend'], maxComplexity: number, price: Price): ModelCard {
  return {
    name,
    provider: 'test',
    id: name,
    backend,
    maxComplexity,
    auto: true,
    price,
    contextTokens: 4096,
    maxOutputTokens: 4096,
    fixedSampling: false,
    capabilities: ['tools', 'json-schema'],
    capabilitiesFixed: false,
    dialects: [],
  }
}
