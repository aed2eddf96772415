import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { card, chat } from '../../test/fixtures/stand-ins/calls.ts'
import type { ContentPart } from '../core/content.ts'
import type { ModelCard } from '../core/model.ts'
import type { Price } from '../core/price.ts'
import type { ChatRequest } from '../core/request.ts'
import type { Facts } from '../signals/signal.ts'
import type { Catalog, RouterPolicy } from './candidates.ts'
import { decide } from './decide.ts'
import { lookUp } from './resolve-model.ts'

const paid: Price = {
  known: true,
  rates: { input: 2, output: 10, cacheRead: 0.2, cacheWrite: 2.5, cacheWriteHour: 4 },
  version: 'test',
  source: 'test',
}
const small = card({ name: 'small', backend: 'local', contextTokens: 2048, maxOutputTokens: 512, capabilities: [] })
const skilled = card({
  name: 'skilled',
  backend: 'local',
  maxOutputTokens: 2048,
  capabilities: ['tools', 'json-schema', 'logprobs'],
})
const claude = card({
  name: 'claude',
  price: paid,
  contextTokens: 200_000,
  maxOutputTokens: 64_000,
  capabilities: ['tools', 'images', 'files', 'json-schema', 'reasoning'],
  dialects: ['anthropic-messages'],
})
const all = [small, skilled, claude]
const policy: RouterPolicy = {
  useLocalForSimple: true,
  complexityThreshold: undefined,
  unknownPrice: 'flag',
  expectedOutputTokens: 500,
  aliases: { 'gpt-4*': 'skilled', anything: 'auto' },
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
}

const weather = { type: 'function', name: 'weather', parameters: { type: 'object', properties: {} } } as const
const picture: ContentPart = { type: 'image', source: { kind: 'data', mediaType: 'image/png', data: 'AAAA' } }
const pdf: ContentPart = { type: 'file', source: { kind: 'data', mediaType: 'application/pdf', data: 'AAAA' } }
const sound: ContentPart = { type: 'file', source: { kind: 'data', mediaType: 'audio/wav', data: 'AAAA' } }
const schema = { type: 'json-schema', name: 'x', schema: { type: 'object' } } as const

describe('what a request asks for decides who may answer', () => {
  const cases: { name: string; request: Partial<ChatRequest>; expected: readonly string[] }[] = [
    { name: 'nothing special', request: {}, expected: ['small', 'skilled', 'claude'] },
    { name: 'tools', request: { tools: [weather] }, expected: ['skilled', 'claude'] },
    {
      name: 'calls in the history, though the tools are gone',
      request: {
        messages: [
          user({ type: 'text', text: 'hi' }),
          { role: 'assistant', content: [{ type: 'tool-call', id: 'call_12345678', name: 'f', arguments: '{}' }] },
          { role: 'tool', content: [result('call_12345678')] },
        ],
      },
      expected: ['skilled', 'claude'],
    },
    { name: 'a picture', request: { messages: [user(picture)] }, expected: ['claude'] },
    {
      name: 'a picture in a tool result',
      request: { messages: [user({ type: 'text', text: 'hi' }), { role: 'tool', content: [result('a', picture)] }] },
      expected: ['claude'],
    },
    { name: 'a document', request: { messages: [user(pdf)] }, expected: ['claude'] },
    { name: 'a schema', request: { responseFormat: schema }, expected: ['skilled', 'claude'] },
    { name: 'any JSON', request: { responseFormat: { type: 'json' } }, expected: ['skilled', 'claude'] },
    {
      name: 'a long prompt',
      request: { messages: [user({ type: 'text', text: 'x'.repeat(4 * 3000) })] },
      expected: ['skilled', 'claude'],
    },
    {
      name: 'long descriptions of tools',
      request: { tools: [{ ...weather, description: 'x'.repeat(4 * 50_000) }] },
      expected: ['claude'],
    },
    { name: 'a long reply', request: { maxTokens: 1000 }, expected: ['skilled', 'claude'] },
    { name: 'a longer reply', request: { maxTokens: 32_000 }, expected: ['claude'] },
    {
      name: 'a longer reply than any writes: an upper bound is no order to reach it',
      request: { maxTokens: 1_000_000 },
      expected: ['small', 'skilled', 'claude'],
    },
    {
      name: 'log-probabilities, which one can do without',
      request: { logprobs: { top: 2 } },
      expected: ['skilled', 'small', 'claude'],
    },
    { name: 'thinking, which is no reason to pay', request: { reasoning: { enabled: true } }, expected: names(all) },
    {
      name: 'a tool that only the dialect of one model knows',
      request: {
        dialect: 'anthropic-messages',
        needs: [{ capability: 'native', field: 'tools[0]', weight: 'prefer' }],
      },
      expected: ['claude', 'small', 'skilled'],
    },
    {
      name: 'something that only the dialect of one model can do',
      request: {
        dialect: 'anthropic-messages',
        needs: [{ capability: 'native', field: 'container', weight: 'must' }],
      },
      expected: ['claude'],
    },
  ]
  for (const { name, request, expected } of cases) {
    test(name, () => {
      const decision = run(request)
      assert.deepEqual(names(decision.plan), expected, decision.reasoning)
      assert.equal(decision.refusal, undefined)
    })
  }

  test('the reasoning says why a cheaper model was passed over', () => {
    const { reasoning, requirements } = run({ tools: [weather] })
    assert.match(reasoning, /small cannot call tools \(tools\)$/)
    assert.deepEqual(requirements, ['tools'])
  })
})

describe('what no model can do', () => {
  test('is refused with the field and the reason of each', () => {
    const { plan, refusal } = run({ messages: [user(sound)] })
    assert.deepEqual(plan, [])
    assert.equal(refusal?.code, 'unsupported')
    assert.equal(refusal.field, 'messages[0].content')
    assert.match(refusal.message, /small cannot hear audio \(messages\[0\]\.content\); skilled cannot hear audio/)
  })

  test('is a lack of room where it is too long for all', () => {
    const { refusal } = run({ messages: [user({ type: 'text', text: 'x'.repeat(4 * 300_000) })] })
    assert.equal(refusal?.code, 'context_too_long')
  })

  test('is a matter of time where a model could that is not there', () => {
    const { refusal } = run({ messages: [user(picture)] }, { down: ['claude'] })
    assert.equal(refusal?.code, 'no_model_available')
    assert.match(refusal.message, /claude could: no API key/)
  })

  test('nothing is refused for the request’s sake where no model is there at all', () => {
    const { plan, refusal } = run({}, { down: names(all) })
    assert.deepEqual([plan, refusal], [[], undefined])
  })
})

describe('a model that the caller named', () => {
  test('is refused what it cannot do', () => {
    const { plan, refusal } = run({ model: 'small', tools: [weather] })
    assert.deepEqual(plan, [])
    assert.deepEqual([refusal?.code, refusal?.field], ['unsupported', 'tools'])
    assert.match(refusal?.message ?? '', /model 'small' cannot call tools \(tools\): name another one, or auto/)
  })

  test('may be asked for more room or words than we think it has: its server knows', () => {
    const long = [user({ type: 'text', text: 'x'.repeat(4 * 3000) })]
    assert.deepEqual(names(run({ model: 'small', messages: long, maxTokens: 9999 }).plan), ['small'])
  })

  test('can do what its server says, unless the operator knows better', () => {
    const seen: Catalog['availability'] = () => ({ available: true, reason: '', capabilities: ['tools'] })
    assert.deepEqual(names(run({ model: 'small', tools: [weather] }, { seen }).plan), ['small'])
    const fixed = [{ ...small, capabilitiesFixed: true }]
    assert.equal(run({ model: 'small', tools: [weather] }, { seen, models: fixed }).refusal?.code, 'unsupported')
  })

  const spelled: readonly (readonly [string, string])[] = [
    ['small', 'small'],
    ['small:latest', 'small'],
    ['hybrid/small', 'small'],
    ['claude-test-1', 'claude'],
    ['claude-test-1-20251001', 'claude'],
    ['claude-test-1-latest', 'claude'],
    ['gpt-4o-mini', 'skilled'],
  ]
  for (const [written, expected] of spelled) {
    test(`may be written ${written}`, () => {
      const models = all.map((model) => ({ ...model, id: `${model.name}-test-1` }))
      const { plan, pinned } = run({ model: written }, { models })
      assert.deepEqual([names(plan), pinned], [[expected], true])
    })
  }
  for (const written of ['auto', 'hybrid/auto', 'auto:latest', 'anything']) {
    test(`${written} routes`, () => assert.equal(run({ model: written }).pinned, false))
  }
  test('is not taken for another by an alias for everything', () => {
    const aliases = { '*': 'small' }
    for (const written of ['auto', 'auto:latest', 'hybrid/auto']) assert.equal(lookUp(written, all, aliases), 'auto')
    for (const written of ['claude', 'claude:latest']) assert.equal(lookUp(written, all, aliases), claude)
    assert.equal(lookUp('whatever', all, aliases), small)
    assert.equal(lookUp('auto', all, { auto: 'small' }), small)
  })

  test('is unknown otherwise', () => {
    assert.throws(() => run({ model: 'gpt-3' }), /model 'gpt-3' is not configured; the known ones are: auto, small/)
  })
})

describe('a model that calls tools badly', () => {
  const clumsy = card({ name: 'clumsy', backend: 'local', capabilities: ['weak-tools'] })
  const tools = [weather]

  test('is no candidate while a better one is there', () => {
    assert.deepEqual(names(run({ tools }, { models: [clumsy, claude] }).plan), ['claude'])
    assert.deepEqual(names(run({}, { models: [clumsy, claude] }).plan), ['clumsy', 'claude'])
  })

  test('answers where it is alone, and says so', () => {
    const { plan, degraded, degradedReason, reasoning } = run({ tools }, { models: [clumsy, claude], down: ['claude'] })
    assert.deepEqual([names(plan), degraded], [['clumsy'], true])
    assert.equal(degradedReason, 'it seldom calls tools by itself (tools)')
    assert.match(reasoning, /clumsy answers, though it seldom calls tools by itself \(tools\)/)
  })

  test('is as good as any where it is made to call one', () => {
    const forced = run({ tools, toolChoice: { type: 'required' } }, { models: [clumsy, claude] })
    assert.deepEqual([names(forced.plan), forced.degraded], [['clumsy', 'claude'], false])
  })

  test('may be named', () => {
    assert.deepEqual(names(run({ model: 'clumsy', tools }, { models: [clumsy] }).plan), ['clumsy'])
  })
})

test('a model that only makes embeddings does not chat', () => {
  const seen: Catalog['availability'] = ({ name }) => ({ available: true, reason: '', embedsOnly: name === 'small' })
  assert.deepEqual(names(run({}, { seen }).plan), ['skilled', 'claude'])
  assert.match(run({ model: 'small' }, { seen }).refusal?.message ?? '', /makes embeddings, and cannot chat/)
  const vectors = card({ name: 'vectors', capabilities: ['embeddings'], capabilitiesFixed: true })
  assert.deepEqual(names(run({}, { models: [vectors, claude] }).plan), ['claude'])
})

describe('a tool loop', () => {
  test('stays with the model that made the calls, also when a cheaper one could go on', () => {
    const { plan, reasoning, degraded } = run({ tools: [weather] }, { inLoopWith: 'claude' })
    assert.deepEqual(names(plan), ['claude', 'skilled'])
    assert.equal(degraded, false)
    assert.match(reasoning, /claude made the tool calls/)
  })

  test('goes on with another one where that model is gone or cannot', () => {
    assert.deepEqual(names(run({ tools: [weather] }, { inLoopWith: 'claude', down: ['claude'] }).plan), ['skilled'])
    assert.deepEqual(names(run({ tools: [weather] }, { inLoopWith: 'small' }).plan), ['skilled', 'claude'])
  })
})

interface World {
  readonly down?: readonly string[]
  readonly inLoopWith?: string
  readonly models?: readonly ModelCard[]
  readonly seen?: Catalog['availability']
}

function run(request: Partial<ChatRequest>, { down = [], inLoopWith, models = all, seen }: World = {}) {
  const look: Catalog['availability'] = ({ name }) => ({
    available: !down.includes(name),
    reason: down.includes(name) ? 'no API key' : '',
  })
  return decide(chat('hi', request), facts, { models, availability: seen ?? look, inLoopWith }, policy)
}

function names(models: readonly { readonly name: string }[]): string[] {
  return models.map(({ name }) => name)
}

function user(...content: ContentPart[]) {
  return { role: 'user' as const, content }
}

function result(callId: string, ...content: ContentPart[]): ContentPart {
  const inner = content.filter((part) => part.type === 'image')
  return { type: 'tool-result', callId, name: '', content: inner, isError: false }
}
