import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { z } from 'zod'
import { type AnthropicScript, startAnthropicStandIn } from '../../test/fixtures/stand-ins/anthropic.ts'
import { assertError, card, chat, collect, never, openProvider } from '../../test/fixtures/stand-ins/calls.ts'
import type { ModelCard } from '../core/model.ts'
import type { ChatRequest, Role } from '../core/request.ts'
import { noUsage } from '../core/usage.ts'
import { anthropic } from './anthropic.ts'

const apiKey = 'sk-ant-test-key-0123456789'
const claude = card({ name: 'claude', id: 'claude-test' })

async function start(context: TestContext, script?: AnthropicScript, options: z.input<typeof anthropic.options> = {}) {
  const server = await startAnthropicStandIn(script === undefined ? {} : { script })
  const provider = openProvider(anthropic, { api_key: apiKey, base_url: server.url, ...options })
  context.after(async () => {
    await provider.close()
    await server.close()
  })
  return { server, provider }
}

function messages(...turns: [role: Role, text: string][]): Pick<ChatRequest, 'messages'> {
  return { messages: turns.map(([role, text]) => ({ role, content: [{ type: 'text', text }] })) }
}

test('the defaults', () => {
  assert.deepEqual(anthropic.options.parse({}), {
    base_url: 'https://api.anthropic.com',
    version: '2023-06-01',
    default_max_tokens: 16_000,
    connect_timeout_ms: 5000,
    first_byte_timeout_ms: 120_000,
    idle_timeout_ms: 120_000,
    keep_alive_timeout_ms: 300_000,
  })
})

test('a reply with its thinking and usage', async (context) => {
  const script = { text: 'Žluťoučký kůň 🐎 馬.', reasoning: 'A horse, then.' }
  const { server, provider } = await start(context, script)
  const reply = await collect(provider.send({ request: chat('Hi'), model: claude }, never))
  assert.equal(reply.error, undefined)
  assert.equal(reply.text, script.text)
  assert.equal(reply.reasoning, script.reasoning)
  assert.deepEqual(reply.warnings, [])
  const before = { ...noUsage, input: 12, output: 1 }
  const after = { ...noUsage, input: 12, output: 4 }
  assert.deepEqual(reply.usages, [before, after])
  assert.deepEqual(reply.finish, { type: 'finish', reason: 'stop', usage: after })
  assert.deepEqual(server.requests[0]?.body, {
    model: 'claude-test',
    max_tokens: 4096,
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
    stream: true,
  })
})

const text = (value: string) => ({ type: 'text', text: value })

const bodies: {
  name: string
  request: Partial<ChatRequest>
  model?: Partial<ModelCard>
  expected: Record<string, unknown>
  warnings?: RegExp[]
}[] = [
  {
    name: 'system messages are joined',
    request: messages(['system', 'Be brief.'], ['user', 'Hi'], ['system', 'Be kind.']),
    expected: { system: 'Be brief.\n\nBe kind.', messages: [{ role: 'user', content: [text('Hi')] }] },
  },
  {
    name: 'neighbours of one role are merged, empty ones dropped',
    request: messages(['user', 'a'], ['user', 'b'], ['assistant', ' '], ['user', 'c'], ['assistant', 'd \n']),
    expected: {
      messages: [
        { role: 'user', content: [text('a'), text('b'), text('c')] },
        { role: 'assistant', content: [text('d')] },
      ],
    },
  },
  {
    name: 'instructions alone are the question',
    request: messages(['system', 'Say hi.']),
    expected: { system: undefined, messages: [{ role: 'user', content: 'Say hi.' }] },
  },
  { name: 'the limit of the caller', request: { maxTokens: 5 }, expected: { max_tokens: 5 } },
  { name: 'no limit', request: {}, model: { maxOutputTokens: 64_000 }, expected: { max_tokens: 16_000 } },
  {
    name: 'a limit over that of the model',
    request: { maxTokens: 9999 },
    expected: { max_tokens: 4096 },
    warnings: [/4096 tokens at most.*9999/],
  },
  { name: 'temperature', request: { temperature: 0.5 }, expected: { temperature: 0.5 } },
  {
    name: 'temperature over 1',
    request: { temperature: 1.7 },
    expected: { temperature: 1 },
    warnings: [/up to 1: 1.7 became 1/],
  },
  { name: 'top_p', request: { topP: 0.5 }, expected: { top_p: 0.5, temperature: undefined } },
  {
    name: 'temperature and top_p',
    request: { temperature: 0, topP: 0.5 },
    expected: { temperature: 0, top_p: undefined },
    warnings: [/does not accept top_p beside temperature/],
  },
  {
    name: 'fixed sampling',
    request: { temperature: 0, topP: 0.5 },
    model: { fixedSampling: true },
    expected: { temperature: undefined, top_p: undefined },
    warnings: [/model 'claude' does not accept temperature, top_p: left out/],
  },
  {
    name: 'seed and penalties',
    request: { seed: 1, presencePenalty: 1, frequencyPenalty: 1 },
    expected: { seed: undefined, presence_penalty: undefined, frequency_penalty: undefined },
    warnings: [/seed, presence_penalty, frequency_penalty/],
  },
  { name: 'stop', request: { stop: ['END'] }, expected: { stop_sequences: ['END'], stop: undefined } },
  {
    name: 'blank stop',
    request: { stop: ['\n'] },
    expected: { stop_sequences: undefined },
    warnings: [/blank stop sequences/],
  },
  {
    name: 'fields of the same dialect',
    request: { dialect: 'anthropic-messages', extra: { top_k: 3, model: 'other' } },
    expected: { top_k: 3, model: 'claude-test' },
  },
  {
    name: 'fields of another dialect',
    request: { dialect: 'openai-chat', extra: { top_k: 3 } },
    expected: { top_k: undefined },
    warnings: [/does not know 'top_k' of openai-chat: left out/],
  },
]

for (const { name, request, model, expected, warnings = [] } of bodies) {
  test(`request: ${name}`, async (context) => {
    const { server, provider } = await start(context)
    const reply = await collect(provider.send({ request: chat('Hi', request), model: { ...claude, ...model } }, never))
    assert.equal(reply.error, undefined)
    const body = server.requests[0]?.body
    for (const [field, value] of Object.entries(expected)) assert.deepEqual(body[field], value, field)
    assert.equal(reply.warnings.length, warnings.length, reply.warnings.join())
    for (const [index, warning] of warnings.entries()) assert.match(reply.warnings[index] ?? '', warning)
  })
}

const usages: { name: string; script: AnthropicScript; expected: unknown }[] = [
  {
    name: 'cache reads and writes, told apart',
    script: {
      usage: {
        input_tokens: 3,
        cache_read_input_tokens: 100,
        cache_creation_input_tokens: 50,
        cache_creation: { ephemeral_5m_input_tokens: 20, ephemeral_1h_input_tokens: 30 },
        output_tokens: 1,
      },
      finalUsage: { output_tokens: 9 },
    },
    expected: { input: 3, cacheRead: 100, cacheWrite: 20, cacheWriteHour: 30, output: 9, reasoning: 0 },
  },
  {
    name: 'cache writes in one number',
    script: {
      usage: { input_tokens: 3, cache_creation_input_tokens: 50, cache_read_input_tokens: null, output_tokens: 1 },
    },
    expected: { ...noUsage, input: 3, cacheWrite: 50, output: 1 },
  },
  {
    name: 'the last report counts, field by field',
    script: { usage: { input_tokens: 3, output_tokens: 1 }, finalUsage: { input_tokens: 5, output_tokens: 9 } },
    expected: { ...noUsage, input: 5, output: 9 },
  },
  {
    name: 'thinking, where it is told apart',
    script: { finalUsage: { output_tokens: 9, output_tokens_details: { thinking_tokens: 6 } } },
    expected: { ...noUsage, input: 12, output: 3, reasoning: 6 },
  },
  { name: 'none', script: { usage: null, finalUsage: null }, expected: undefined },
]

for (const { name, script, expected } of usages) {
  test(`usage: ${name}`, async (context) => {
    const { provider } = await start(context, { text: 'Hello', ...script })
    const reply = await collect(provider.send({ request: chat('Hi'), model: claude }, never))
    assert.deepEqual(reply.finish?.usage, expected)
  })
}

for (const [stopReason, expected] of [
  ['end_turn', 'stop'],
  ['stop_sequence', 'stop'],
  ['max_tokens', 'length'],
  ['model_context_window_exceeded', 'length'],
  ['refusal', 'content-filter'],
  ['something_new', 'stop'],
] as const) {
  test(`stop reason ${stopReason}`, async (context) => {
    const { provider } = await start(context, { text: 'Hello', stopReason })
    const reply = await collect(provider.send({ request: chat('Hi'), model: claude }, never))
    assert.equal(reply.finish?.reason, expected)
  })
}

const errorBody = (type: string, message: string) => ({ type: 'error', error: { type, message } })
const failures: {
  name: string
  failure: NonNullable<AnthropicScript['failure']>
  code: Parameters<typeof assertError>[1]
  message?: RegExp
  text?: string
  retryAfter?: number
}[] = [
  { name: 'cut before a word', failure: { kind: 'cut', afterChunks: 0 }, code: 'upstream_cut' },
  { name: 'cut after one word', failure: { kind: 'cut', afterChunks: 1 }, code: 'upstream_cut', text: 'One' },
  {
    name: 'cut after all words',
    failure: { kind: 'cut', afterChunks: 3 },
    code: 'upstream_cut',
    text: 'One two three',
  },
  {
    name: 'ended without message_stop',
    failure: { kind: 'end', afterChunks: 3 },
    code: 'upstream_cut',
    text: 'One two three',
  },
  { name: 'ended at once', failure: { kind: 'end', afterChunks: 0 }, code: 'upstream_cut' },
  {
    name: 'a malformed event',
    failure: { kind: 'malformed', afterChunks: 1 },
    code: 'upstream_failed',
    message: /malformed JSON/,
    text: 'One',
  },
  { name: 'no answer', failure: { kind: 'no-answer' }, code: 'upstream_failed' },
  {
    name: 'overloaded within the stream',
    failure: { kind: 'error-event', afterChunks: 1, error: { type: 'overloaded_error', message: 'Overloaded' } },
    code: 'upstream_overloaded',
    message: /Overloaded/,
    text: 'One',
  },
  {
    name: 'rate limit within the stream',
    failure: { kind: 'error-event', afterChunks: 0, error: { type: 'rate_limit_error', message: 'Slow down' } },
    code: 'upstream_rate_limited',
  },
  {
    name: 'invalid within the stream',
    failure: { kind: 'error-event', afterChunks: 0, error: { type: 'invalid_request_error', message: 'No' } },
    code: 'upstream_rejected',
  },
  {
    name: 'any other error within the stream',
    failure: { kind: 'error-event', afterChunks: 0, error: { type: 'api_error', message: 'Internal server error' } },
    code: 'upstream_failed',
  },
  {
    name: 'overloaded',
    failure: {
      kind: 'status',
      status: 529,
      headers: { 'retry-after': '11' },
      body: errorBody('overloaded_error', 'Overloaded'),
    },
    code: 'upstream_overloaded',
    retryAfter: 11,
  },
  {
    name: 'rate limit',
    failure: {
      kind: 'status',
      status: 429,
      headers: { 'retry-after': '7' },
      body: errorBody('rate_limit_error', 'Slow'),
    },
    code: 'upstream_rate_limited',
    retryAfter: 7,
  },
  {
    name: 'a prompt that is too long',
    failure: {
      kind: 'status',
      status: 400,
      body: errorBody('invalid_request_error', 'prompt is too long: 210000 tokens > 200000 maximum'),
    },
    code: 'context_too_long',
  },
  {
    name: 'an unknown model',
    failure: { kind: 'status', status: 404, body: errorBody('not_found_error', 'model: claude-test') },
    code: 'model_unavailable',
    message: /provider 'stand-in' answered: model: claude-test: check the model's id/,
  },
  {
    name: 'a page of a proxy',
    failure: {
      kind: 'status',
      status: 502,
      headers: { 'content-type': 'text/html' },
      body: '<html>Bad gateway</html>',
    },
    code: 'upstream_failed',
    message: /status 502/,
  },
]

for (const { name, failure, code, message, text: before = '', retryAfter } of failures) {
  test(`failure: ${name}`, async (context) => {
    const { provider } = await start(context, { text: 'One two three', failure })
    const reply = await collect(provider.send({ request: chat('Hi'), model: claude }, never))
    assertError(reply.error, code, message)
    assert.equal(reply.error.retryAfterSeconds, retryAfter)
    assert.equal(reply.text, before)
    assert.equal(reply.finish, undefined)
  })
}

test('a cut reply has told what it used so far', async (context) => {
  const { provider } = await start(context, { text: 'One two', failure: { kind: 'cut', afterChunks: 1 } })
  const reply = await collect(provider.send({ request: chat('Hi'), model: claude }, never))
  assert.deepEqual(reply.usages, [{ ...noUsage, input: 12, output: 1 }])
})

test('a missing key is known without a call', async (context) => {
  for (const api_key of [undefined, '', '  ']) {
    const { server, provider } = await start(context, undefined, { api_key })
    const reason = 'no API key: set ANTHROPIC_API_KEY'
    assert.deepEqual((await provider.check([claude], never)).get('claude'), { available: false, reason })
    const { error } = await collect(provider.send({ request: chat('Hi'), model: claude }, never))
    assertError(error, 'model_unavailable', /set ANTHROPIC_API_KEY/)
    assert.equal(server.requests.length, 0)
  }
})

test('a refused key is remembered for a minute, and never shown', async (context) => {
  const wrong = 'sk-ant-wrong-key-9876543210'
  const { server, provider } = await start(context, undefined, { api_key: wrong })
  assert.equal((await provider.check([claude], never)).get('claude')?.available, true)

  const { error } = await collect(provider.send({ request: chat('Hi'), model: claude }, never))
  assertError(error, 'upstream_unauthorized', /check ANTHROPIC_API_KEY/)
  assert.doesNotMatch(error.message, /sk-ant|98765/)
  const found = (await provider.check([claude], never)).get('claude')
  assert.equal(found?.available, false)
  assert.match(found?.reason ?? '', /check ANTHROPIC_API_KEY/)
  assert.equal(server.requests.length, 1)

  context.mock.timers.enable({ apis: ['Date'], now: Date.now() + 61_000 })
  assert.equal((await provider.check([claude], never)).get('claude')?.available, true)
})

for (const failure of [{ kind: 'no-headers' }, { kind: 'hang', afterChunks: 1 }] as const) {
  test(`cancelling closes the socket: ${failure.kind}`, async (context) => {
    const { server, provider } = await start(context, { text: 'One two', failure })
    const stop = new AbortController()
    const reply = collect(provider.send({ request: chat('Hi'), model: claude }, stop.signal))
    await server.arrived(1)
    stop.abort()
    assertError((await reply).error, 'cancelled')
    await server.hungUp(1)
  })
}

test('leaving the loop closes the socket', async (context) => {
  const { server, provider } = await start(context, { text: 'One two', failure: { kind: 'hang', afterChunks: 1 } })
  for await (const part of provider.send({ request: chat('Hi'), model: claude }, never)) {
    if (part.type === 'text-delta') break
  }
  await server.hungUp(1)
})

// Together, as undici looks at its clock only twice a second.
describe('timeouts', { concurrency: true }, () => {
  for (const [name, script, options] of [
    ['no headers', { failure: { kind: 'no-headers' } }, { first_byte_timeout_ms: 30 }],
    ['silence', { text: 'One two', failure: { kind: 'hang', afterChunks: 1 } }, { idle_timeout_ms: 30 }],
  ] as const) {
    test(`timeout: ${name}`, async (context) => {
      const { server, provider } = await start(context, script, options)
      assertError(
        (await collect(provider.send({ request: chat('Hi'), model: claude }, never))).error,
        'upstream_timeout',
      )
      await server.hungUp(1)
    })
  }
})
