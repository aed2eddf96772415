import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { GatewayError } from '../core/errors.ts'
import type { ChatRequest } from '../core/request.ts'
import type { RequestHead } from './dialect.ts'
import { ollamaGenerate } from './ollama-generate.ts'

const png = 'iVBORw0KGgo='
const head: RequestHead = {
  requestId: 'r1',
  headers: {},
  maxPromptCharacters: 100,
  path: '/api/generate',
  query: '',
  bodyText: '{}',
}

function parse(fields: object): ChatRequest {
  return ollamaGenerate.parse({ model: 'auto', prompt: 'Hi', ...fields }, head)
}

describe('a request', () => {
  test('prompt, system prompt and images are a conversation of one turn', () => {
    const { messages, stream, dialect } = parse({ system: 'Be brief.', images: [png] })
    assert.deepEqual([stream, dialect], [true, 'ollama-generate'])
    assert.deepEqual(messages, [
      { role: 'system', content: [{ type: 'text', text: 'Be brief.' }] },
      {
        role: 'user',
        content: [
          { type: 'image', source: { kind: 'data', mediaType: 'image/png', data: png } },
          { type: 'text', text: 'Hi' },
        ],
      },
    ])
  })

  const needs: readonly { name: string; body: object; expected: readonly string[] }[] = [
    { name: 'nothing', body: { suffix: '', raw: false, template: '', context: [] }, expected: [] },
    { name: 'null', body: { suffix: null, raw: null, template: null, context: null }, expected: [] },
    { name: 'a gap to fill', body: { suffix: '}' }, expected: ['suffix must'] },
    { name: 'a prompt in a model’s markup', body: { raw: true }, expected: ['raw must'] },
    { name: 'a former conversation', body: { context: [1, 2] }, expected: ['context prefer'] },
    { name: 'a template', body: { template: '{{ .Prompt }}' }, expected: ['template may'] },
  ]
  for (const { name, body, expected } of needs) {
    test(`what only Ollama can do: ${name}`, () => {
      assert.deepEqual(
        (parse(body).needs ?? []).map(({ field, weight }) => `${field} ${weight}`),
        expected,
      )
    })
  }

  test('what it does not know travels along', () => {
    assert.deepEqual(parse({ width: 512, keep_alive: 0, suffix: 'x' }).extra, { width: 512, keep_alive: 0 })
  })

  const refused: readonly { name: string; body: object; field: string }[] = [
    { name: 'a prompt in a list', body: { prompt: ['Hi'] }, field: 'prompt' },
    { name: 'a long prompt', body: { prompt: 'x'.repeat(101) }, field: 'prompt' },
    { name: 'a long system prompt', body: { system: 'x'.repeat(101) }, field: 'system' },
    { name: 'a context in words', body: { context: 'x' }, field: 'context' },
    { name: 'a picture that is none', body: { images: ['*'] }, field: 'images[0]' },
  ]
  for (const { name, body, field } of refused) {
    test(`refused: ${name}`, () => {
      assert.throws(
        () => parse(body),
        (error: GatewayError) => error.field === field,
      )
    })
  }
})

test('lines of a stream', () => {
  const writer = ollamaGenerate.frames(parse({}))
  const lines = [
    writer.part({ type: 'reasoning-delta', text: 'Hm.' }),
    writer.part({ type: 'text-delta', text: 'Hi' }),
  ].map((line) => JSON.parse(line))
  assert.deepEqual(
    lines.map(({ created_at, ...line }) => line),
    [
      { model: 'auto', response: '', thinking: 'Hm.', done: false },
      { model: 'auto', response: 'Hi', done: false },
    ],
  )
})
