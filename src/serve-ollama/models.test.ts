import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { GatewayError } from '../core/errors.ts'
import type { Availability, ModelCard } from '../core/model.ts'
import { free } from '../core/price.ts'
import type { InfoContext, ListedModel } from '../dialects/dialect.ts'
import { lookUp } from '../router/resolve-model.ts'
import { ps, pull, show, tags } from './models.ts'

function listed(card: Partial<ModelCard>, availability: Partial<Availability> = {}): ListedModel {
  const model: ModelCard = {
    name: 'm',
    provider: 'p',
    id: card.name ?? 'm',
    backend: 'local',
    maxComplexity: 1,
    auto: true,
    price: free,
    contextTokens: 1000,
    maxOutputTokens: 100,
    fixedSampling: false,
    capabilities: [],
    capabilitiesFixed: false,
    dialects: [],
    ...card,
  }
  return { model, availability: { available: true, reason: '', ...availability } }
}

const models = [
  listed({ name: 'phi', id: 'phi3:mini', capabilities: ['tools', 'json-schema'] }),
  listed({ name: 'qwen:8b', capabilities: [], contextTokens: 5000 }, { capabilities: ['images', 'reasoning'] }),
  listed({ name: 'vectors', capabilities: ['embeddings'], auto: false }),
  listed({ name: 'away', capabilities: ['audio'], contextTokens: 9000 }, { available: false, reason: 'not pulled' }),
]

function context(body?: unknown, of: readonly ListedModel[] = models): InfoContext {
  const cards = of.map(({ model }) => model)
  const resolve = (name: string) => {
    const found = lookUp(name, cards, { 'gpt-*': 'phi' })
    return typeof found === 'object' ? of.find(({ model }) => model === found) : found
  }
  return { models: of, resolve, params: {}, body, headers: {}, version: '1.2.3' }
}

const shown = (name: string, of?: readonly ListedModel[]) => show(context({ model: name }, of))
const codeOf = (code: string) => (error: GatewayError) => error.code === code

describe('lists', () => {
  test('auto comes first, and every name has a tag', () => {
    const names = tags(context()).models.map(({ name }) => name)
    assert.deepEqual(names, ['auto:latest', 'phi:latest', 'qwen:8b', 'vectors:latest', 'away:latest'])
  })

  test('digests differ, and are long enough to be cut', () => {
    const digests = tags(context()).models.map(({ digest }) => digest)
    assert.equal(new Set(digests).size, digests.length)
    assert.ok(digests.every((digest) => digest.length === 64))
  })

  test('what could answer now is running', () => {
    const names = ps(context()).models.map(({ name }) => name)
    assert.deepEqual(names, ['auto:latest', 'phi:latest', 'qwen:8b', 'vectors:latest'])
    assert.deepEqual(ps(context(undefined, [])).models, [])
  })
})

describe('one model', () => {
  const capabilities: readonly { name: string; expected: readonly string[] }[] = [
    { name: 'phi', expected: ['completion', 'tools'] },
    { name: 'phi:latest', expected: ['completion', 'tools'] },
    { name: 'phi3:mini', expected: ['completion', 'tools'] },
    { name: 'qwen:8b', expected: ['completion', 'vision', 'thinking'] },
    { name: 'vectors', expected: ['embedding'] },
    { name: 'auto', expected: ['completion', 'tools', 'vision', 'thinking', 'embedding'] },
    { name: 'hybrid/auto', expected: ['completion', 'tools', 'vision', 'thinking', 'embedding'] },
  ]
  for (const { name, expected } of capabilities) {
    test(`${name} can ${expected.join(', ')}`, () => assert.deepEqual(shown(name).capabilities, expected))
  }

  test('the size of its context stands where clients look', () => {
    const info = shown('qwen:8b').model_info
    assert.equal(info[`${info['general.architecture']}.context_length`], 5000)
  })

  test('auto has the room of the largest model that is there', () => {
    assert.equal(shown('auto').model_info['hybrid.context_length'], 5000)
    assert.equal(shown('auto', []).model_info['hybrid.context_length'], 0)
  })

  test('the template tells older clients of tools', () => {
    assert.deepEqual([/\.Tools/.test(shown('phi').template), /\.Tools/.test(shown('qwen:8b').template)], [true, false])
  })

  test('the former name of the field', () => {
    assert.deepEqual(show(context({ name: 'phi' })), shown('phi'))
  })

  test('one that is not there', () => {
    assert.throws(() => shown('gpt'), codeOf('unknown_model'))
    assert.throws(() => show(context({})), codeOf('invalid_request'))
    assert.throws(() => show(context({ model: 1 })), codeOf('invalid_request'))
  })
})

describe('pull', () => {
  test('what is there is pulled', () => {
    assert.deepEqual(pull(context({ model: 'phi', stream: true })), { status: 'success' })
    assert.deepEqual(pull(context({ name: 'auto' })), { status: 'success' })
  })

  test('what is not there is told with the way out', () => {
    assert.throws(() => pull(context({ model: 'away' })), /model 'away:latest': not pulled/)
    assert.throws(() => pull(context({ model: 'gpt' })), /hybrid models pull/)
    assert.throws(() => pull(context({ model: 'auto' }, [])), codeOf('model_unavailable'))
  })
})
