import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { startAnthropicStandIn } from '../fixtures/stand-ins/anthropic.ts'
import { instanceOf } from '../fixtures/stand-ins/instance-of-schema.ts'
import { startOllamaStandIn } from '../fixtures/stand-ins/ollama.ts'
import { startOpenaiStandIn } from '../fixtures/stand-ins/openai.ts'
import type { Failure, Script } from '../fixtures/stand-ins/script.ts'

// What all stand-ins have in common, seen by a plain client; what makes them differ is proven by the vendors' clients.

const vendors = [
  {
    name: 'OpenAI',
    start: startOpenaiStandIn,
    path: '/v1/chat/completions',
    sign: ': keep-alive\n\n',
    usage: /"usage"/,
  },
  { name: 'OpenAI', start: startOpenaiStandIn, path: '/v1/responses', sign: ': keep-alive\n\n', usage: /"usage":\{/ },
  { name: 'Anthropic', start: startAnthropicStandIn, path: '/v1/messages', sign: 'event: ping\n', usage: /"usage"/ },
  { name: 'Ollama', start: startOllamaStandIn, path: '/api/chat', sign: '\n\n\n', usage: /eval_count/ },
]

const headers = {
  authorization: 'Bearer sk-test-key-0123456789',
  'x-api-key': 'sk-ant-test-key-0123456789',
  'anthropic-version': '2026-10-21',
}

for (const { name, start, path, sign, usage } of vendors) {
  describe(`${name} stand-in, ${path}`, () => {
    async function open(context: TestContext) {
      const server = await start({ script: { text: 'unused' } })
      context.after(() => server.close())
      const ask = (stream: boolean, script: Script) => {
        server.next(script, path)
        const messages = [{ role: 'user', content: 'Hi' }]
        const fields = path === '/v1/responses' ? { input: 'Hi' } : { messages }
        const limit = path === '/v1/messages' ? { max_tokens: 100 } : {}
        const body = JSON.stringify({ model: 'phi', ...fields, ...limit, stream })
        return fetch(server.url + path, { method: 'POST', headers, body })
      }
      return { server, ask }
    }

    for (const stream of [false, true]) {
      const how = stream ? 'streamed' : 'whole'
      const script = (failure: Failure) => ({ text: 'One two three', failure })

      test(`${how}: a slow first byte`, async (context) => {
        const { ask } = await open(context)
        const response = await ask(stream, script({ kind: 'slow-first-byte', ms: 10 }))
        assert.match(await response.text(), /three/)
      })

      test(`${how}: no usage`, async (context) => {
        const { ask } = await open(context)
        assert.doesNotMatch(await (await ask(stream, script({ kind: 'no-usage' }))).text(), usage)
      })

      test(`${how}: signs of life without end, until the client leaves`, async (context) => {
        const { server, ask } = await open(context)
        const { body } = await ask(stream, script({ kind: 'keep-alive', afterChunks: 1 }))
        const decoder = new TextDecoder()
        let text = ''
        for await (const chunk of body ?? []) {
          text += decoder.decode(chunk, { stream: true })
          if (text.split(stream ? sign : ' ').length > 3) break
        }
        assert.equal(text.includes('One'), stream)
        assert.doesNotMatch(text, /three/)
        await server.hungUp(1)
      })

      test(`${how}: a cut, and an end too early`, async (context) => {
        const { ask } = await open(context)
        const cut = await ask(stream, script({ kind: 'cut', afterChunks: 1 }))
        await assert.rejects(cut.text(), TypeError)
        const ended = await (await ask(stream, script({ kind: 'end', afterChunks: 1 }))).text()
        if (stream) assert.doesNotMatch(ended, /three/)
        else assert.throws(() => JSON.parse(ended), SyntaxError)
      })

      test(`${how}: an error instead of the rest`, async (context) => {
        const { ask } = await open(context)
        const error = { type: 'x_error', message: 'Broken' }
        const response = await ask(stream, script({ kind: 'error-event', afterChunks: 1, error }))
        assert.equal(response.status, stream ? 200 : 500)
        assert.match(await response.text(), /Broken/)
      })

      test(`${how}: headers, and fields that nobody knows`, async (context) => {
        const { server, ask } = await open(context)
        const extra = { body: { x_body: 'b' }, message: { x_message: 'm' }, event: { type: 'x_event', x: 'e' } }
        const response = await ask(stream, { text: 'One', extra, headers: { 'x-extra': 'h' } })
        assert.equal(response.headers.get('x-extra'), 'h')
        const text = await response.text()
        assert.match(text, /"x_body":"b"/)
        assert.match(text, /"x_message":"m"/)
        assert.equal(text.includes('"type":"x_event","x":"e"'), stream)
        assert.deepEqual(JSON.parse(server.requests[0]?.text ?? ''), server.requests[0]?.body)
      })
    }
  })
}

const schemas: { name: string; schema: object; expected: unknown }[] = [
  { name: 'no properties', schema: { type: 'object', properties: {} }, expected: {} },
  { name: 'nothing at all', schema: {}, expected: {} },
  {
    name: 'required ones only',
    schema: {
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'integer' } },
      required: ['city'],
    },
    expected: { city: 'Paris' },
  },
  {
    name: 'all where none is said to be required',
    schema: { type: 'object', properties: { location: { type: 'string' }, unit: { enum: ['c', 'f'] } } },
    expected: { location: 'Paris', unit: 'c' },
  },
  { name: 'a constant', schema: { const: { a: 1 } }, expected: { a: 1 } },
  { name: 'a number that may be missing', schema: { type: ['null', 'number'], minimum: 3 }, expected: 3 },
  { name: 'between', schema: { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 }, expected: 0.5 },
  { name: 'steps', schema: { type: 'integer', minimum: 7, multipleOf: 5 }, expected: 10 },
  { name: 'below zero', schema: { type: 'integer', maximum: -2 }, expected: -2 },
  { name: 'a long text', schema: { type: 'string', minLength: 6 }, expected: 'text..' },
  { name: 'a short text', schema: { type: 'string', maxLength: 2 }, expected: 'te' },
  { name: 'a format', schema: { type: 'string', format: 'date-time' }, expected: '2026-01-02T03:04:05Z' },
  {
    name: 'a list with a least length',
    schema: { type: 'array', items: { type: 'boolean' }, minItems: 2 },
    expected: [true, true],
  },
  {
    name: 'a tuple',
    schema: { type: 'array', prefixItems: [{ type: 'string' }, { type: 'null' }], minItems: 2, items: false },
    expected: ['text', null],
  },
  {
    name: 'alternatives and parts',
    schema: {
      type: 'object',
      properties: { a: { anyOf: [{ type: 'null' }, { type: 'integer' }] } },
      required: ['a'],
      allOf: [{ properties: { b: { oneOf: [{ const: 'x' }, { const: 'y' }] } }, required: ['b'] }],
    },
    expected: { a: 1, b: 'x' },
  },
  {
    name: 'a list that refers to itself',
    schema: {
      $defs: {
        node: {
          type: 'object',
          properties: { next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } },
          required: ['next'],
        },
      },
      $ref: '#/$defs/node',
    },
    expected: { next: { next: null } },
  },
]

for (const { name, schema, expected } of schemas) {
  test(`the smallest instance: ${name}`, () => {
    const ajv = new Ajv2020({ strict: false })
    addFormats.default(ajv)
    const instance = instanceOf(schema)
    assert.deepEqual(instance, expected)
    assert.ok(ajv.validate(schema, instance), ajv.errorsText())
  })
}
