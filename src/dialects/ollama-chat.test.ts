import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { GatewayError } from '../core/errors.ts'
import type { ChatRequest } from '../core/request.ts'
import type { RequestHead } from './dialect.ts'
import { ollamaChat } from './ollama-chat.ts'

const png = 'iVBORw0KGgo='
const user = { role: 'user', content: 'Hi' }
const ask = { model: 'auto', messages: [user] }
const weather = { name: 'weather', description: 'The weather', parameters: { type: 'object', properties: {} } }
const callOf = (name: string, more: object = {}) => ({ ...more, function: { name, arguments: { city: 'Paris' } } })

const head: RequestHead = {
  requestId: 'r1',
  headers: {},
  maxPromptCharacters: 100,
  path: '/api/chat',
  query: '',
  bodyText: '{}',
}

function parse(fields: object): ChatRequest {
  return ollamaChat.parse({ ...ask, ...fields }, head)
}

function messagesOf(...messages: readonly object[]) {
  return parse({ messages }).messages
}

describe('a request', () => {
  test('the least of one is streamed, and can be passed on as it came', () => {
    assert.deepEqual(parse({}), {
      id: 'r1',
      dialect: 'ollama-chat',
      model: 'auto',
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
      stream: true,
      client: { body: '{}', headers: {}, query: '' },
      caching: 'use',
    })
  })

  const fields: readonly { name: string; body: object; expected: object }[] = [
    { name: 'no stream', body: { stream: false }, expected: { stream: false } },
    { name: 'a null stream', body: { stream: null }, expected: { stream: true } },
    {
      name: 'options that are known',
      body: {
        options: {
          temperature: 0,
          top_p: 0.5,
          top_k: 40,
          seed: 7,
          num_predict: 20,
          stop: ['a', ''],
          presence_penalty: 1,
          frequency_penalty: -1,
        },
      },
      expected: {
        temperature: 0,
        topP: 0.5,
        topK: 40,
        seed: 7,
        maxTokens: 20,
        stop: ['a'],
        presencePenalty: 1,
        frequencyPenalty: -1,
        extra: undefined,
      },
    },
    { name: 'one stop', body: { options: { stop: 'a' } }, expected: { stop: ['a'] } },
    { name: 'no limit', body: { options: { num_predict: -1, top_k: 0 } }, expected: { maxTokens: undefined } },
    { name: 'no room for a limit', body: { options: { num_predict: -2 } }, expected: { maxTokens: undefined } },
    { name: 'a limit with a fraction', body: { options: { num_predict: 8.9 } }, expected: { maxTokens: 8 } },
    {
      name: 'what only Ollama knows',
      body: { keep_alive: '5m', truncate: false, options: { num_ctx: 8192, min_p: 0.1, temperature: 1 } },
      expected: {
        temperature: 1,
        extra: { keep_alive: '5m', truncate: false, options: { num_ctx: 8192, min_p: 0.1 } },
      },
    },
    {
      name: 'null where nothing is meant',
      body: { options: null, tools: null, format: null, think: null },
      expected: {},
    },
    { name: 'JSON', body: { format: 'json' }, expected: { responseFormat: { type: 'json' } } },
    { name: 'no format', body: { format: '' }, expected: { responseFormat: undefined } },
    {
      name: 'a schema',
      body: { format: { type: 'object' } },
      expected: { responseFormat: { type: 'json-schema', name: 'reply', schema: { type: 'object' } } },
    },
    { name: 'thinking', body: { think: true }, expected: { reasoning: { enabled: true } } },
    { name: 'no thinking', body: { think: false }, expected: { reasoning: { enabled: false } } },
    { name: 'much thinking', body: { think: 'max' }, expected: { reasoning: { enabled: true, effort: 'max' } } },
    { name: 'logprobs', body: { logprobs: true, top_logprobs: 3 }, expected: { logprobs: { top: 3 } } },
    { name: 'top_logprobs alone', body: { top_logprobs: 3 }, expected: { logprobs: undefined } },
    {
      name: 'tools',
      body: { tools: [{ type: 'function', function: weather }, { function: { name: 'bare' } }] },
      expected: {
        tools: [
          { type: 'function', ...weather },
          { type: 'function', name: 'bare', parameters: { type: 'object', properties: {} } },
        ],
        needs: undefined,
      },
    },
    {
      name: 'a tool of a type that is not known yet',
      body: { tools: [{ type: 'web_search' }] },
      expected: {
        tools: [{ type: 'hosted', name: 'web_search' }],
        needs: [{ capability: 'native', field: 'tools[0]', weight: 'prefer' }],
      },
    },
  ]
  for (const { name, body, expected } of fields) {
    test(name, () => {
      const request = parse(body) as unknown as Record<string, unknown>
      const found = Object.fromEntries(Object.keys(expected).map((key) => [key, request[key]]))
      assert.deepEqual(found, expected)
    })
  }

  test('the chat of Open WebUI is a session', () => {
    const headers = { 'x-openwebui-chat-id': 'c1' }
    assert.equal(ollamaChat.parse(ask, { ...head, headers }).session, 'c1')
  })
})
describe('what is refused', () => {
  const cases: readonly { name: string; body: object; field: string; code?: string }[] = [
    { name: 'no model', body: { model: undefined }, field: 'model' },
    { name: 'an empty model', body: { model: '' }, field: 'model' },
    { name: 'messages of nothing', body: { messages: [{ role: 'user', content: '' }] }, field: 'messages' },
    { name: 'no role', body: { messages: [{ content: 'x' }] }, field: 'messages[0].role' },
    { name: 'parts of another API', body: { messages: [{ role: 'user', content: [] }] }, field: 'messages[0].content' },
    {
      name: 'the address of an image',
      body: { messages: [{ ...user, images: [png, 'https://example.org/a.png'] }] },
      field: 'messages[0].images[1]',
    },
    { name: 'a format that is none', body: { format: 'yaml' }, field: 'format' },
    { name: 'a temperature in words', body: { options: { temperature: 'hot' } }, field: 'options.temperature' },
    { name: 'options in a list', body: { options: [] }, field: 'options' },
    { name: 'thinking in words', body: { think: 'a bit' }, field: 'think' },
    { name: 'a tool without a name', body: { tools: [{ function: {} }] }, field: 'tools[0].function.name' },
    {
      name: 'a long prompt',
      body: { messages: [{ role: 'user', content: 'x'.repeat(101) }] },
      field: 'messages[0].content',
      code: 'prompt_too_long',
    },
  ]
  for (const { name, body, field, code = 'invalid_request' } of cases) {
    test(name, () => {
      assert.throws(
        () => parse(body),
        (error: GatewayError) => error.field === field && error.code === code && error.message !== '',
      )
    })
  }

  test('long results of tools are not', () => {
    const call = { role: 'assistant', tool_calls: [callOf('a')] }
    assert.equal(messagesOf(user, call, { role: 'tool', content: 'x'.repeat(101) }).length, 3)
  })
})

test('an unknown model is not found, in the words that clients look for', () => {
  const error = new GatewayError('unknown_model', "model 'x' is not configured; the known ones are: auto")
  assert.deepEqual(ollamaChat.error(error, 'r1'), { error: "model 'x' not found; the known ones are: auto" })
  assert.equal(ollamaChat.status?.(error), 404)
  const other = new GatewayError('model_busy', 'wait')
  assert.deepEqual([ollamaChat.error(other, 'r1'), ollamaChat.status?.(other)], [{ error: 'wait' }, 503])
})
