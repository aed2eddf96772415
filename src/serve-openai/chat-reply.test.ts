import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { answerFacts, eventData, requestHead, written } from '../../test/fixtures/dialect-calls.ts'
import { receipt } from '../../test/fixtures/receipt.ts'
import { GatewayError } from '../core/errors.ts'
import { deltasOf, type ReplyChoice } from '../core/message-builder.ts'
import type { ContentDelta } from '../core/reply.ts'
import { openaiChat } from '../dialects/openai-chat.ts'
import { chatReply } from './chat-reply.ts'

const messages = [{ role: 'user', content: 'hello' }]
const done = receipt({})

function request(fields: object) {
  return openaiChat.parse({ model: 'auto', messages, ...fields }, requestHead())
}

const said: ReplyChoice = { content: [{ type: 'text', text: 'Hi' }], reason: 'stop' }
const called: ReplyChoice = {
  content: [
    { type: 'tool-call', id: 'a', name: 'f', arguments: '{"n": 1.0}' },
    { type: 'tool-call', id: 'b', name: 'shell', arguments: '{"input":"ls"}' },
  ],
  reason: 'tool-calls',
}
const thought: ReplyChoice = {
  content: [
    { type: 'reasoning', text: 'hm', signature: 'S' },
    { type: 'reasoning', text: '', redacted: 'D' },
    { type: 'text', text: 'Hi' },
  ],
  reason: 'stop',
}
const details = [
  { type: 'reasoning.text', text: 'hm', signature: 'S', format: 'anthropic-claude-v1', index: 0 },
  { type: 'reasoning.encrypted', data: 'D', format: 'anthropic-claude-v1', index: 1 },
]
const sure: ReplyChoice = {
  content: [{ type: 'text', text: 'é' }],
  reason: 'stop',
  logprobs: [{ token: 'é', logprob: -0.5, top: [{ token: 'e', logprob: -1 }] }],
}
const tools = [
  { type: 'function', function: { name: 'f' } },
  { type: 'custom', custom: { name: 'shell' } },
]
const functions = [{ name: 'f' }]
const logprobs = {
  content: [
    { token: 'é', logprob: -0.5, bytes: [0xc3, 0xa9], top_logprobs: [{ token: 'e', logprob: -1, bytes: [0x65] }] },
  ],
  refusal: null,
}

const cases: readonly {
  readonly name: string
  readonly fields?: object
  readonly choice: ReplyChoice
  readonly message: object
  readonly finish?: string
  readonly logprobs?: object
}[] = [
  { name: 'text', choice: said, message: { content: 'Hi' } },
  { name: 'nothing', choice: { content: [], reason: 'stop' }, message: { content: '' } },
  {
    name: 'what a filter stopped',
    choice: { ...said, reason: 'content-filter' },
    message: { content: 'Hi' },
    finish: 'content_filter',
  },
  {
    name: 'tool calls, one of them of a custom tool',
    fields: { tools },
    choice: called,
    message: {
      content: null,
      tool_calls: [
        { id: 'a', type: 'function', function: { name: 'f', arguments: '{"n": 1.0}' } },
        { id: 'b', type: 'custom', custom: { name: 'shell', input: 'ls' } },
      ],
    },
    finish: 'tool_calls',
  },
  {
    name: 'a function of old',
    fields: { functions },
    choice: called,
    message: { content: null, function_call: { name: 'f', arguments: '{"n": 1.0}' } },
    finish: 'function_call',
  },
  {
    name: 'signed thoughts',
    choice: thought,
    message: { content: 'Hi', reasoning_content: 'hm', reasoning_details: details },
  },
  {
    name: 'signed thoughts for who asks as OpenRouter does',
    fields: { reasoning: { enabled: true } },
    choice: thought,
    message: { content: 'Hi', reasoning: 'hm', reasoning_details: details },
  },
  {
    name: 'thoughts that nobody wants to see',
    fields: { reasoning: { exclude: true } },
    choice: thought,
    message: { content: 'Hi' },
  },
  {
    name: 'probabilities',
    fields: { logprobs: true, top_logprobs: 1 },
    choice: sure,
    message: { content: 'é' },
    logprobs,
  },
  { name: 'probabilities that nobody asked for', choice: sure, message: { content: 'é' } },
]

describe('a whole reply', () => {
  for (const { name, fields = {}, choice, message, finish = 'stop', logprobs = null } of cases) {
    test(name, () => {
      const body = openaiChat.whole({ facts: answerFacts, choices: [choice], receipt: done }, request(fields))
      const { choices, ...rest } = chatReply.parse(body)
      assert.deepEqual(choices, [
        {
          index: 0,
          message: { role: 'assistant', refusal: null, annotations: [], ...message },
          logprobs,
          finish_reason: finish,
        },
      ])
      assert.deepEqual(rest, {
        id: 'chatcmpl-id',
        object: 'chat.completion',
        created: 1_700_000_000,
        model: 'parrot',
        usage: {
          prompt_tokens: 10,
          completion_tokens: 5,
          total_tokens: 15,
          prompt_tokens_details: { cached_tokens: 0 },
          completion_tokens_details: { reasoning_tokens: 0 },
        },
      })
    })
  }
})

test('the usage tells what was read from the prompt cache, and what was written into it', () => {
  const usage = { input: 10, cacheRead: 30, cacheWrite: 50, cacheWriteHour: 10, output: 5, reasoning: 2 }
  const body = openaiChat.whole({ facts: answerFacts, choices: [said], receipt: receipt({ usage }) }, request({}))
  assert.deepEqual(chatReply.parse(body).usage, {
    prompt_tokens: 100,
    completion_tokens: 7,
    total_tokens: 107,
    prompt_tokens_details: { cached_tokens: 30, cache_write_tokens: 60 },
    completion_tokens_details: { reasoning_tokens: 2 },
  })
})

interface Chunk {
  readonly choices: readonly {
    readonly index: number
    readonly delta: Readonly<Record<string, unknown>>
    readonly logprobs: unknown
    readonly finish_reason: string | null
  }[]
  readonly usage?: { readonly total_tokens: number } | null
}

function chunksOf(fields: object, parts: readonly ContentDelta[], end: object = {}) {
  const text = written(openaiChat.frames(request(fields)), parts, { reason: 'stop', receipt: done, ...end })
  const events = eventData(text)
  assert.equal(events.at(-1), '[DONE]')
  return events.slice(0, -1) as readonly Chunk[]
}

function deltasIn(chunks: readonly Chunk[]) {
  return chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta))
}

describe('a streamed reply', () => {
  const role = { role: 'assistant', content: '', refusal: null }

  for (const { name, fields = {}, choice, finish = 'stop', logprobs = null, message } of cases) {
    test(`${name}: begins with the role, ends with the reason`, () => {
      const chunks = chunksOf(fields, [...deltasOf(choice, 0)], { reason: choice.reason })
      const deltas = deltasIn(chunks)
      assert.deepEqual([deltas[0], deltas.at(-1)], [role, {}])
      assert.deepEqual(
        chunks.map(({ choices }) => choices[0]?.finish_reason),
        [...deltas.slice(1).map(() => null), finish],
      )
      assert.deepEqual(chunks.map(({ choices }) => choices[0]?.logprobs).find(Boolean) ?? null, logprobs)
      for (const field of ['reasoning_details', 'reasoning', 'reasoning_content'] as const) {
        const expected = (message as Readonly<Record<string, unknown>>)[field]
        assert.deepEqual(deltas.find((delta) => field in delta)?.[field], expected)
      }
      assert.ok(chunks.every((chunk) => !('usage' in chunk)))
    })
  }

  test('tool calls, the second without arguments, the third of a custom tool', () => {
    const parts: readonly ContentDelta[] = [
      { type: 'tool-call', index: 0, id: 'a', name: 'f' },
      { type: 'tool-call-delta', index: 0, arguments: '{"n":' },
      { type: 'tool-call-delta', index: 0, arguments: ' 1}' },
      { type: 'tool-call', index: 1, id: 'b', name: 'f' },
      { type: 'tool-call', index: 2, id: 'c', name: 'shell' },
      { type: 'tool-call-delta', index: 2, arguments: '{"inp' },
      { type: 'tool-call-delta', index: 2, arguments: 'ut":"ls"}' },
    ]
    const calls = deltasIn(chunksOf({ tools }, parts)).flatMap((delta) => delta.tool_calls ?? [])
    assert.deepEqual(calls, [
      { index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '' } },
      { index: 0, function: { arguments: '{"n":' } },
      { index: 0, function: { arguments: ' 1}' } },
      { index: 1, id: 'b', type: 'function', function: { name: 'f', arguments: '' } },
      { index: 2, id: 'c', type: 'custom', custom: { name: 'shell', input: '' } },
      { index: 1, function: { arguments: '{}' } },
      { index: 2, custom: { input: 'ls' } },
    ])
  })

  test('a function of old, once', () => {
    const deltas = deltasIn(chunksOf({ functions }, [...deltasOf(called, 0)]))
    assert.deepEqual(
      deltas.flatMap((delta) => delta.function_call ?? []),
      [{ name: 'f', arguments: '' }, { arguments: '{"n": 1.0}' }],
    )
  })

  test('several choices that take turns, each with its reason, and the usage of all', () => {
    const parts: readonly ContentDelta[] = [
      { type: 'text-delta', text: 'a' },
      { type: 'text-delta', text: 'b', choice: 1 },
      { type: 'text-delta', text: 'out of range', choice: 7 },
      { type: 'text-delta', text: 'c' },
    ]
    const fields = { n: 2, stream_options: { include_usage: true } }
    const chunks = chunksOf(fields, parts, { reasons: ['stop', 'length'] })
    assert.deepEqual(
      chunks.map(({ choices: [choice] }) => choice && [choice.index, choice.delta.content ?? choice.finish_reason]),
      [[0, ''], [1, ''], [0, 'a'], [1, 'b'], [0, 'c'], [0, 'stop'], [1, 'length'], undefined],
    )
    assert.ok(chunks.slice(0, -1).every(({ usage }) => usage === null))
    assert.deepEqual(chunks.at(-1)?.usage?.total_tokens, 15)
  })

  test('an error is the last word', () => {
    const writer = openaiChat.frames(request({}))
    const [event] = eventData(writer.error(new GatewayError('upstream_cut', 'cut'), 'id'))
    assert.deepEqual(event, {
      error: { message: 'cut', type: 'server_error', param: null, code: 'upstream_cut', request_id: 'id' },
    })
  })
})

test('what a client sends back keeps the signed thoughts', () => {
  const body = openaiChat.whole({ facts: answerFacts, choices: [thought], receipt: done }, request({}))
  const [choice] = chatReply.parse(body).choices
  const again = request({ messages: [...messages, choice?.message, ...messages] })
  assert.deepEqual(again.messages[1], { role: 'assistant', content: thought.content })
})

describe('errors', () => {
  const cases = [
    {
      error: new GatewayError('context_too_long', 'x', { field: 'messages' }),
      status: 400,
      type: 'invalid_request_error',
      code: 'context_length_exceeded',
    },
    {
      error: new GatewayError('unknown_model', 'x', { field: 'model' }),
      status: 422,
      type: 'invalid_request_error',
      code: 'unknown_model',
    },
    {
      error: new GatewayError('not_found', 'x', { field: 'model' }),
      status: 404,
      type: 'invalid_request_error',
      code: 'model_not_found',
    },
    { error: new GatewayError('not_found', 'x'), status: 404, type: 'invalid_request_error', code: 'not_found' },
    { error: new GatewayError('rate_limited', 'x'), status: 429, type: 'rate_limit_error', code: 'rate_limited' },
  ]
  for (const { error, status, type, code } of cases) {
    test(`${error.code}: ${status} ${code}`, () => {
      assert.equal(openaiChat.status?.(error), status)
      const body = openaiChat.error(error, 'id') as { error: Readonly<Record<string, unknown>> }
      assert.deepEqual([body.error.type, body.error.code, body.error.param], [type, code, error.field ?? null])
    })
  }
})
