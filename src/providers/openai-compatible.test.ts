import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { z } from 'zod'
import { assertError, card, chat, collect, never, openProvider } from '../../test/fixtures/stand-ins/calls.ts'
import {
  type OpenaiScript,
  type OpenaiStandInOptions,
  startOpenaiStandIn,
} from '../../test/fixtures/stand-ins/openai.ts'
import { presetFor, presetNames, presets } from '../call-openai/presets.ts'
import type { ModelCard } from '../core/model.ts'
import type { ChatRequest } from '../core/request.ts'
import { noUsage } from '../core/usage.ts'
import { openaiCompatible } from './openai-compatible.ts'

type Options = z.input<typeof openaiCompatible.options>

const apiKey = 'sk-test-key-0123456789'
const gpt = card({ name: 'gpt', id: 'gpt-test' })

async function start(context: TestContext, standIn: OpenaiStandInOptions = {}, options: Options = {}) {
  const server = await startOpenaiStandIn(standIn)
  const provider = openProvider(openaiCompatible, { api_key: apiKey, base_url: `${server.url}/v1`, ...options })
  context.after(async () => {
    await provider.close()
    await server.close()
  })
  return { server, provider }
}

test('the defaults', () => {
  assert.deepEqual(openaiCompatible.options.parse({}), {
    headers: {},
    connect_timeout_ms: 5000,
    first_byte_timeout_ms: 120_000,
    idle_timeout_ms: 300_000,
    keep_alive_timeout_ms: 300_000,
    more_urls: [],
    max_queue: 256,
  })
})

test('the rows are well formed', () => {
  assert.ok(presetNames.length >= 11)
  for (const name of presetNames) {
    const { baseUrl, keyName } = presets[name]
    assert.doesNotMatch(baseUrl, /\/$/, name)
    assert.ok(URL.canParse(baseUrl), name)
    // What runs on this machine needs no key, and the other way round.
    assert.equal(keyName === '', new URL(baseUrl).hostname === '127.0.0.1', name)
  }
  assert.equal(presetFor(undefined, undefined), presets.openai)
  assert.equal(presetFor('groq', 'http://x'), presets.groq)
  assert.equal(presetFor(undefined, 'http://x').maxTokensField, 'max_tokens')
})

for (const reasoningField of ['reasoning', 'reasoning_content'] as const) {
  test(`a reply with its ${reasoningField} and usage`, async (context) => {
    const script = { text: 'Žluťoučký kůň 🐎 馬.', reasoning: 'A horse, then.', reasoningField }
    const { server, provider } = await start(context, { script })
    const reply = await collect(provider.send({ request: chat('Hi'), model: gpt }, never))
    assert.equal(reply.error, undefined)
    assert.equal(reply.text, script.text)
    assert.equal(reply.reasoning, script.reasoning)
    const usage = { ...noUsage, input: 9, output: 4 }
    assert.deepEqual(reply.usages, [usage])
    assert.deepEqual(reply.finish, { type: 'finish', reason: 'stop', usage })
    assert.deepEqual(server.requests[0]?.body, {
      model: 'gpt-test',
      messages: [{ role: 'user', content: 'Hi' }],
      stream: true,
      stream_options: { include_usage: true },
    })
  })
}

const everything = { temperature: 0.5, topP: 0.9, seed: 7, presencePenalty: 0.1, frequencyPenalty: 0.2 }
const bodies: {
  name: string
  options?: Options
  request?: Partial<ChatRequest>
  model?: Partial<ModelCard>
  expected: Record<string, unknown>
  warnings?: RegExp[]
}[] = [
  {
    name: 'all that may be asked for',
    request: { ...everything, maxTokens: 5, stop: ['END'] },
    expected: {
      temperature: 0.5,
      top_p: 0.9,
      seed: 7,
      presence_penalty: 0.1,
      frequency_penalty: 0.2,
      max_tokens: 5,
      stop: ['END'],
    },
  },
  {
    name: 'OpenAI renamed the limit',
    options: { preset: 'openai' },
    request: { maxTokens: 5 },
    expected: { max_tokens: undefined, max_completion_tokens: 5 },
  },
  {
    name: 'Mistral names the seed otherwise and reports usage unasked',
    options: { preset: 'mistral' },
    request: { seed: 7, dialect: 'openai-chat', extra: { stream_options: { include_usage: true } } },
    expected: { seed: undefined, random_seed: 7, stream_options: undefined },
  },
  {
    name: 'Gemini refuses some fields',
    options: { preset: 'gemini' },
    request: everything,
    expected: { temperature: 0.5, seed: undefined, presence_penalty: undefined, frequency_penalty: undefined },
    warnings: [/model 'gpt' does not accept seed, presence_penalty, frequency_penalty: left out/],
  },
  {
    name: 'fixed sampling',
    request: everything,
    model: { fixedSampling: true },
    expected: { temperature: undefined, top_p: undefined, presence_penalty: undefined, seed: 7 },
    warnings: [/temperature, top_p, presence_penalty, frequency_penalty/],
  },
  {
    name: 'a limit over that of the model',
    request: { maxTokens: 9999 },
    expected: { max_tokens: 4096 },
    warnings: [/4096 tokens at most/],
  },
  {
    name: 'fields of the same dialect',
    request: { dialect: 'openai-chat', extra: { user: 'me', model: 'other' } },
    expected: { user: 'me', model: 'gpt-test' },
  },
  {
    name: 'fields of another dialect',
    request: { dialect: 'native', extra: { user: 'me' } },
    expected: { user: undefined },
    warnings: [/does not know 'user' of native: left out/],
  },
  {
    name: 'log-probabilities of a local model',
    options: { preset: 'vllm' },
    model: { backend: 'local' },
    expected: { logprobs: true },
  },
  { name: 'none of a cloud model', options: { preset: 'vllm' }, expected: { logprobs: undefined } },
]

for (const { name, options, request, model, expected, warnings = [] } of bodies) {
  test(`request: ${name}`, async (context) => {
    const { server, provider } = await start(context, {}, options)
    const reply = await collect(provider.send({ request: chat('Hi', request), model: { ...gpt, ...model } }, never))
    assert.equal(reply.error, undefined)
    const body = server.requests[0]?.body
    for (const [field, value] of Object.entries(expected)) assert.deepEqual(body[field], value, field)
    assert.equal(reply.warnings.length, warnings.length, reply.warnings.join())
    for (const [index, warning] of warnings.entries()) assert.match(reply.warnings[index] ?? '', warning)
  })
}

test('log-probabilities come with their text', async (context) => {
  const { provider } = await start(context, { script: { text: 'Hello there.' } }, { preset: 'vllm' })
  const reply = await collect(provider.send({ request: chat('Hi'), model: { ...gpt, backend: 'local' } }, never))
  assert.deepEqual(reply.logprobs, [-0.5, -0.5])
})

test('headers of the configuration are sent, the key as a bearer token', async (context) => {
  const { server, provider } = await start(context, {}, { headers: { 'x-title': 'tested' } })
  await collect(provider.send({ request: chat('Hi'), model: gpt }, never))
  assert.equal(server.requests[0]?.headers['x-title'], 'tested')
  assert.equal(server.requests[0]?.headers.authorization, `Bearer ${apiKey}`)
})

test('a server without a key gets no authorization', async (context) => {
  const { server, provider } = await start(context, { apiKey: '' }, { api_key: undefined })
  assert.equal((await collect(provider.send({ request: chat('Hi'), model: gpt }, never))).text, 'Hello there.')
  assert.equal(server.requests[0]?.headers.authorization, undefined)
})

const usages: { name: string; script: OpenaiScript; expected: unknown }[] = [
  {
    name: 'cached and reasoning tokens are within the others',
    script: {
      usage: {
        prompt_tokens: 100,
        completion_tokens: 50,
        total_tokens: 150,
        prompt_tokens_details: { cached_tokens: 80 },
        completion_tokens_details: { reasoning_tokens: 30 },
      },
    },
    expected: { ...noUsage, input: 20, cacheRead: 80, output: 20, reasoning: 30 },
  },
  {
    name: 'reasoning tokens beside the others',
    script: {
      usage: {
        prompt_tokens: 100,
        completion_tokens: 50,
        total_tokens: 180,
        completion_tokens_details: { reasoning_tokens: 30 },
      },
    },
    expected: { ...noUsage, input: 100, output: 50, reasoning: 30 },
  },
  {
    name: 'the cache hits of DeepSeek',
    script: { usage: { prompt_tokens: 100, prompt_cache_hit_tokens: 60, completion_tokens: 5 } },
    expected: { ...noUsage, input: 40, cacheRead: 60, output: 5 },
  },
  {
    name: 'what was written into the cache is within the prompt',
    script: {
      usage: {
        prompt_tokens: 100,
        completion_tokens: 5,
        prompt_tokens_details: { cached_tokens: 30, cache_write_tokens: 60 },
      },
    },
    expected: { ...noUsage, input: 10, cacheRead: 30, cacheWrite: 60, output: 5 },
  },
  { name: 'none', script: { usage: null }, expected: undefined },
]

for (const { name, script, expected } of usages) {
  test(`usage: ${name}`, async (context) => {
    const { provider } = await start(context, { script: { text: 'Hello', ...script } })
    assert.deepEqual((await collect(provider.send({ request: chat('Hi'), model: gpt }, never))).finish?.usage, expected)
  })
}

for (const { name, script, reason } of [
  { name: 'stop', script: { finishReason: 'stop' }, reason: 'stop' },
  { name: 'length', script: { finishReason: 'length' }, reason: 'length' },
  { name: 'content_filter', script: { finishReason: 'content_filter' }, reason: 'content-filter' },
  { name: 'a reason without [DONE]', script: { done: false, usage: null }, reason: 'stop' },
  { name: '[DONE] without a reason', script: { finishReason: null }, reason: 'stop' },
  {
    name: 'a reason, then a cut',
    script: { failure: { kind: 'cut', afterChunks: 3 }, usage: null, done: false },
    reason: 'stop',
  },
] satisfies { name: string; script: OpenaiScript; reason: string }[]) {
  test(`finish: ${name}`, async (context) => {
    const { provider } = await start(context, { script: { text: 'Hello there.', ...script } })
    const reply = await collect(provider.send({ request: chat('Hi'), model: gpt }, never))
    assert.equal(reply.finish?.reason, reason)
    assert.equal(reply.text, 'Hello there.')
  })
}

test('a server that falls silent after its reason took nothing from the reply', async (context) => {
  const script: OpenaiScript = {
    text: 'Hello there.',
    failure: { kind: 'hang', afterChunks: 3 },
    usage: null,
    done: false,
  }
  const { provider } = await start(context, { script }, { idle_timeout_ms: 30 })
  const reply = await collect(provider.send({ request: chat('Hi'), model: gpt }, never))
  assert.equal(reply.error, undefined)
  assert.equal(reply.finish?.reason, 'stop')
})

const failures: {
  name: string
  failure: NonNullable<OpenaiScript['failure']>
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
  { name: 'ended in good order', failure: { kind: 'end', afterChunks: 2 }, code: 'upstream_cut', text: 'One two' },
  {
    name: 'a malformed chunk',
    failure: { kind: 'malformed', afterChunks: 1 },
    code: 'upstream_failed',
    message: /malformed/,
    text: 'One',
  },
  { name: 'no answer', failure: { kind: 'no-answer' }, code: 'upstream_failed' },
  {
    name: 'an error within the stream',
    failure: {
      kind: 'error-event',
      afterChunks: 1,
      error: { message: 'The server had an error', type: 'server_error' },
    },
    code: 'upstream_failed',
    message: /answered: The server had an error/,
    text: 'One',
  },
  {
    name: 'a rate limit within the stream, as a number',
    failure: { kind: 'error-event', afterChunks: 0, error: { message: 'Slow', code: 429 } },
    code: 'upstream_rate_limited',
  },
  {
    name: 'a rate limit within the stream, in words',
    failure: { kind: 'error-event', afterChunks: 0, error: { message: 'Slow', code: 'rate_limit_exceeded' } },
    code: 'upstream_rate_limited',
  },
  {
    name: 'an error within the stream that is only words',
    failure: { kind: 'error-event', afterChunks: 0, error: 'out of memory' },
    code: 'upstream_failed',
    message: /out of memory/,
  },
  {
    name: 'a rate limit',
    failure: {
      kind: 'status',
      status: 429,
      headers: { 'retry-after-ms': '2500' },
      body: { error: { message: 'Slow' } },
    },
    code: 'upstream_rate_limited',
    retryAfter: 3,
  },
  {
    name: 'a context that is too long',
    failure: {
      kind: 'status',
      status: 400,
      body: {
        error: { message: "This model's maximum context length is 8192 tokens.", code: 'context_length_exceeded' },
      },
    },
    code: 'context_too_long',
  },
  {
    name: 'the error of Gemini',
    failure: { kind: 'status', status: 400, body: [{ error: { code: 400, message: 'Unknown name' } }] },
    code: 'upstream_rejected',
    message: /Unknown name/,
  },
]

for (const { name, failure, code, message, text = '', retryAfter } of failures) {
  test(`failure: ${name}`, async (context) => {
    const { provider } = await start(context, { script: { text: 'One two three', failure } })
    const reply = await collect(provider.send({ request: chat('Hi'), model: gpt }, never))
    assertError(reply.error, code, message)
    assert.equal(reply.error.retryAfterSeconds, retryAfter)
    assert.equal(reply.text, text)
    assert.equal(reply.finish, undefined)
  })
}

test('a refused key is not in the message, though the server quotes it', async (context) => {
  const { provider } = await start(context, {}, { preset: 'openai', api_key: 'sk-wrong-key-9876543210' })
  const { error } = await collect(provider.send({ request: chat('Hi'), model: gpt }, never))
  assertError(error, 'upstream_unauthorized', /check OPENAI_API_KEY/)
  assert.doesNotMatch(error.message, /sk-wrong|98765/)
})

for (const failure of [{ kind: 'no-headers' }, { kind: 'hang', afterChunks: 1 }] as const) {
  test(`cancelling closes the socket: ${failure.kind}`, async (context) => {
    const { server, provider } = await start(context, { script: { text: 'One two', failure } })
    const stop = new AbortController()
    const reply = collect(provider.send({ request: chat('Hi'), model: gpt }, stop.signal))
    await server.arrived(1)
    stop.abort()
    assertError((await reply).error, 'cancelled')
    await server.hungUp(1)
  })
}

test('leaving the loop closes the socket', async (context) => {
  const { server, provider } = await start(context, {
    script: { text: 'One two', failure: { kind: 'hang', afterChunks: 1 } },
  })
  for await (const _ of provider.send({ request: chat('Hi'), model: gpt }, never)) break
  await server.hungUp(1)
})

test('a reply that was read to its end is no hang-up, and its connection serves again', async (context) => {
  const { server, provider } = await start(context)
  for (let turn = 0; turn < 3; turn++) await collect(provider.send({ request: chat('Hi'), model: gpt }, never))
  assert.equal(server.requests.length, 3)
  assert.deepEqual(server.hangUps, [])
})

const failing = (status: number): OpenaiScript => ({ failure: { kind: 'status', status } })
const checks: {
  name: string
  standIn?: OpenaiStandInOptions
  script?: OpenaiScript
  options?: Options
  reason: RegExp
}[] = [
  { name: 'listed', reason: /^$/ },
  { name: 'listed under a prefix', standIn: { models: ['models/gpt-test'] }, reason: /^$/ },
  {
    name: 'not listed',
    standIn: { models: ['a', 'b', 'c', 'd', 'e', 'f', 'g'] },
    reason: /^the server has no model 'gpt-test'; it has a, b, c, d, e, and 2 more$/,
  },
  {
    name: 'not listed where lists are incomplete',
    standIn: { models: ['a'] },
    options: { preset: 'openrouter' },
    reason: /^$/,
  },
  { name: 'an empty list', standIn: { models: [] }, reason: /^$/ },
  { name: 'no list', script: failing(404), reason: /^$/ },
  { name: 'another method', script: failing(405), reason: /^$/ },
  { name: 'asked too often', script: failing(429), reason: /^$/ },
  { name: 'failing', script: failing(500), reason: /answers with status 500/ },
  {
    name: 'a refused key',
    options: { api_key: 'wrong' },
    reason: /the API key was refused: check api_key of provider 'stand-in'/,
  },
  { name: 'a missing key', options: { api_key: '' }, reason: /the API key was refused: check whether one is needed/ },
  {
    name: 'no key for a vendor',
    options: { preset: 'groq', api_key: '', base_url: undefined },
    reason: /^no API key: set GROQ_API_KEY$/,
  },
]

for (const { name, standIn, script, options, reason } of checks) {
  test(`check: ${name}`, async (context) => {
    const { server, provider } = await start(context, standIn, options)
    if (script !== undefined) server.next(script, '/v1/models')
    const found = (await provider.check([gpt], never)).get('gpt')
    assert.match(found?.reason ?? 'nothing found', reason)
    assert.equal(found?.available, found?.reason === '')
  })
}

test('check: nothing runs there', async (context) => {
  const { server, provider } = await start(context)
  await server.close()
  const found = (await provider.check([gpt], never)).get('gpt')
  assert.deepEqual(found, { available: false, reason: `nothing answers at ${server.url}/v1: is it running?` })
})

test('check: the list of a vendor is asked for once a minute', async (context) => {
  const { server, provider } = await start(context, {}, { preset: 'openai' })
  await provider.check([gpt], never)
  await provider.check([gpt], never)
  assert.equal(server.requests.length, 1)
})
