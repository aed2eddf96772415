import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { z } from 'zod'
import { assertError, card, chat, collect, never, openProvider, services } from '../../test/fixtures/stand-ins/calls.ts'
import {
  type OllamaScript,
  type OllamaStandInOptions,
  startOllamaStandIn,
} from '../../test/fixtures/stand-ins/ollama.ts'
import { noUsage } from '../core/usage.ts'
import { ollama } from './ollama.ts'

const phi = card({ name: 'phi2', id: 'phi', backend: 'local' })

async function start(
  context: TestContext,
  standIn: OllamaStandInOptions = {},
  options: z.input<typeof ollama.options> = {},
) {
  const server = await startOllamaStandIn(standIn)
  const given = services()
  const provider = openProvider(ollama, { url: server.url, ...options }, given)
  context.after(async () => {
    await provider.close()
    await server.close()
  })
  return { server, provider, given }
}

test('the defaults', () => {
  assert.deepEqual(ollama.options.parse({}), {
    url: 'http://127.0.0.1:11434',
    keep_alive: '5m',
    pull: false,
    context_sizes: [2048, 4096, 8192, 16384, 32768],
    connect_timeout_ms: 5000,
    first_byte_timeout_ms: 600_000,
    idle_timeout_ms: 120_000,
    keep_alive_timeout_ms: 300_000,
    more_urls: [],
    parallel: 4,
    max_queue: 256,
  })
})

test('a reply with its reasoning, log-probabilities and usage', async (context) => {
  const script = { text: 'Žluťoučký kůň 🐎 馬.', reasoning: 'A horse, then.' }
  const { server, provider } = await start(context, { script })
  const request = chat('Hi', {
    messages: [
      { role: 'system', content: [{ type: 'text', text: 'Be brief.' }] },
      { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
    ],
    maxTokens: 50,
    temperature: 0.5,
    topP: 0.9,
    seed: 7,
    stop: ['END'],
    presencePenalty: 0.1,
    frequencyPenalty: 0.2,
  })
  const reply = await collect(provider.send({ request, model: phi }, never))
  assert.equal(reply.error, undefined)
  assert.equal(reply.text, script.text)
  assert.equal(reply.reasoning, script.reasoning)
  assert.deepEqual(reply.logprobs, [-0.25, -0.25, -0.25, -0.25])
  assert.deepEqual(reply.finish, { type: 'finish', reason: 'stop', usage: { ...noUsage, input: 11, output: 4 } })
  assert.deepEqual(server.requests[0]?.body, {
    model: 'phi',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi' },
    ],
    stream: true,
    truncate: false,
    shift: false,
    logprobs: true,
    keep_alive: '5m',
    options: {
      num_ctx: 2048,
      num_predict: 50,
      temperature: 0.5,
      top_p: 0.9,
      seed: 7,
      presence_penalty: 0.1,
      frequency_penalty: 0.2,
      stop: ['END'],
    },
  })
})

const finishes: { name: string; script: OllamaScript; reason: string; usage: unknown }[] = [
  {
    name: 'the token limit',
    script: { text: 'a', doneReason: 'length' },
    reason: 'length',
    usage: { ...noUsage, input: 11, output: 1 },
  },
  {
    name: 'a prompt that Ollama had in memory',
    script: { text: 'a', usage: { prompt_eval_count: null, eval_count: 1 } },
    reason: 'stop',
    usage: undefined,
  },
  { name: 'an empty reply', script: { text: '' }, reason: 'stop', usage: { ...noUsage, input: 11 } },
]

for (const { name, script, reason, usage } of finishes) {
  test(`finish: ${name}`, async (context) => {
    const { provider } = await start(context, { script })
    const reply = await collect(provider.send({ request: chat('Hi'), model: phi }, never))
    assert.deepEqual(reply.finish, { type: 'finish', reason, usage })
  })
}

test('an older version without log-probabilities', async (context) => {
  const { provider } = await start(context, { script: { text: 'Hello there.', logprobs: false } })
  const reply = await collect(provider.send({ request: chat('Hi'), model: phi }, never))
  assert.equal(reply.text, 'Hello there.')
  assert.deepEqual(reply.logprobs, [])
})

for (const [keepAlive, expected] of [
  ['10m', '10m'],
  ['-1', -1],
  ['0', 0],
] as const) {
  test(`keep_alive '${keepAlive}'`, async (context) => {
    const { server, provider } = await start(context, {}, { keep_alive: keepAlive })
    await collect(provider.send({ request: chat('Hi'), model: phi }, never))
    assert.equal(server.requests[0]?.body.keep_alive, expected)
  })
}

test('fields of the same dialect are passed on, those of others are not', async (context) => {
  const { server, provider } = await start(context)
  const extra = { template: 'x', options: { mirostat: 1, num_ctx: 99_999 } }
  for (const dialect of ['ollama-chat', 'openai-chat']) {
    await collect(provider.send({ request: chat('Hi', { dialect, extra }), model: phi }, never))
  }
  const [same, other] = server.requests.map(({ body }) => body)
  assert.equal(same.template, 'x')
  assert.equal(same.options.mirostat, 1)
  assert.equal(same.options.num_ctx, 2048)
  assert.equal('template' in other, false)
  assert.equal('mirostat' in other.options, false)
})

const sizes: {
  name: string
  prompts: [characters: number, maxTokens?: number][]
  contextTokens?: number
  expected: number[]
}[] = [
  { name: 'the smallest that fits', prompts: [[100]], expected: [2048] },
  { name: 'room for the usual reply', prompts: [[3000]], expected: [4096] },
  { name: 'room for the reply that is asked for', prompts: [[100, 3000]], expected: [4096] },
  { name: 'it only grows', prompts: [[100], [20_000], [100]], expected: [2048, 8192, 8192] },
  {
    name: 'never above the context of the model',
    prompts: [[100], [4000]],
    contextTokens: 2048,
    expected: [2048, 2048],
  },
  { name: 'the context of the model is a size too', prompts: [[4000, 2000]], contextTokens: 3000, expected: [3000] },
]

for (const { name, prompts, contextTokens, expected } of sizes) {
  test(`num_ctx: ${name}`, async (context) => {
    const { server, provider } = await start(context)
    const model = { ...phi, ...(contextTokens !== undefined && { contextTokens }) }
    for (const [characters, maxTokens] of prompts) {
      const request = chat('x'.repeat(characters), maxTokens === undefined ? {} : { maxTokens })
      await collect(provider.send({ request, model }, never))
    }
    assert.deepEqual(
      server.requests.map(({ body }) => body.options.num_ctx),
      expected,
    )
  })
}

for (const { name, text } of [
  { name: 'letters', text: 'x'.repeat(120_000) },
  { name: 'other scripts', text: '馬'.repeat(40_000) },
]) {
  test(`a prompt of ${name} that does not fit is not sent`, async (context) => {
    const { server, provider } = await start(context)
    const { error } = await collect(provider.send({ request: chat(text), model: phi }, never))
    assertError(error, 'context_too_long', /about \d+ prompt tokens.*32768/)
    assert.equal(server.requests.length, 0)
  })
}

const failures: {
  name: string
  script: OllamaScript
  code: Parameters<typeof assertError>[1]
  message?: RegExp
  text: string
}[] = [
  { name: 'cut before a word', script: { failure: { kind: 'cut', afterChunks: 0 } }, code: 'upstream_cut', text: '' },
  {
    name: 'cut after one word',
    script: { failure: { kind: 'cut', afterChunks: 1 } },
    code: 'upstream_cut',
    text: 'One',
  },
  {
    name: 'cut after all words',
    script: { failure: { kind: 'cut', afterChunks: 3 } },
    code: 'upstream_cut',
    text: 'One two three',
  },
  {
    name: 'ended without done',
    script: { failure: { kind: 'end', afterChunks: 2 } },
    code: 'upstream_cut',
    text: 'One two',
  },
  {
    name: 'a malformed line',
    script: { failure: { kind: 'malformed', afterChunks: 1 } },
    code: 'upstream_failed',
    message: /malformed JSON/,
    text: 'One',
  },
  {
    name: 'an error line',
    script: {
      failure: { kind: 'error-event', afterChunks: 1, error: 'an error was encountered while running the model' },
    },
    code: 'upstream_failed',
    message: /encountered while running/,
    text: 'One',
  },
  { name: 'no answer', script: { failure: { kind: 'no-answer' } }, code: 'upstream_failed', text: '' },
  {
    name: 'status 500',
    script: { failure: { kind: 'status', status: 500, body: { error: 'llama runner process has terminated' } } },
    code: 'upstream_failed',
    message: /runner process/,
    text: '',
  },
  {
    name: 'a full queue',
    script: { failure: { kind: 'status', status: 503, body: { error: 'server busy, please try again' } } },
    code: 'upstream_overloaded',
    message: /busy/,
    text: '',
  },
  {
    name: 'a prompt that is too long after all',
    script: {
      failure: { kind: 'status', status: 400, body: { error: 'the input length exceeds the context length' } },
    },
    code: 'context_too_long',
    text: '',
  },
]

for (const { name, script, code, message, text } of failures) {
  test(`failure: ${name}`, async (context) => {
    const { provider } = await start(context, { script: { text: 'One two three', ...script } })
    const reply = await collect(provider.send({ request: chat('Hi'), model: phi }, never))
    assertError(reply.error, code, message)
    assert.equal(reply.text, text)
    assert.equal(reply.finish, undefined)
  })
}

test('a missing model says how to get it', async (context) => {
  const { provider } = await start(context)
  const { error } = await collect(provider.send({ request: chat('Hi'), model: card({ id: 'llama9' }) }, never))
  assertError(error, 'model_unavailable', /has no model 'llama9': run `ollama pull llama9`/)
})

for (const failure of [{ kind: 'no-headers' }, { kind: 'hang', afterChunks: 1 }] as const) {
  test(`cancelling closes the socket: ${failure.kind}`, async (context) => {
    const { server, provider } = await start(context, { script: { text: 'One two', failure } })
    const stop = new AbortController()
    const reply = collect(provider.send({ request: chat('Hi'), model: phi }, stop.signal))
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
  for await (const _ of provider.send({ request: chat('Hi'), model: phi }, never)) break
  await server.hungUp(1)
})

const checks: { name: string; models: string[]; id: string; available: boolean; reason: RegExp }[] = [
  { name: 'present by its full name', models: ['phi:latest'], id: 'phi:latest', available: true, reason: /^$/ },
  { name: 'present without its tag', models: ['phi:latest'], id: 'phi', available: true, reason: /^$/ },
  {
    name: 'another tag',
    models: ['phi:2.7b'],
    id: 'phi',
    available: false,
    reason: /^not pulled: run `ollama pull phi`$/,
  },
  { name: 'with a registry', models: ['host:5000/phi:latest'], id: 'host:5000/phi', available: true, reason: /^$/ },
  { name: 'no models', models: [], id: 'phi', available: false, reason: /not pulled/ },
]

for (const { name, models, id, available, reason } of checks) {
  test(`check: ${name}`, async (context) => {
    const { provider } = await start(context, { models })
    const found = (await provider.check([card({ id })], never)).get('tested')
    assert.equal(found?.available, available)
    assert.match(found?.reason ?? '', reason)
  })
}

test('check: Ollama does not run', async (context) => {
  const { server, provider } = await start(context)
  await server.close()
  const found = (await provider.check([phi], never)).get('phi2')
  assert.deepEqual(found, { available: false, reason: `Ollama does not answer at ${server.url}: is it running?` })
})

const pulling = [
  { status: 'pulling manifest' },
  { status: 'pulling aabbcc', digest: 'sha256:aabbcc', total: 200, completed: 86 },
  { status: 'success' },
]

test('pull reports how far it is', async (context) => {
  const { server, provider } = await start(context)
  server.next({ pullLines: pulling }, '/api/pull')
  const seen: unknown[] = []
  await provider.pull?.(phi, (progress) => seen.push(progress), never)
  assert.deepEqual(server.requests[0]?.body, { model: 'phi', stream: true })
  assert.deepEqual(seen, [
    { model: 'phi2', step: 'pulling manifest', doneBytes: 0, totalBytes: undefined },
    { model: 'phi2', step: 'pulling aabbcc', doneBytes: 86, totalBytes: 200 },
  ])
})

for (const [name, pullLines, code] of [
  [
    'an error line',
    [{ status: 'pulling manifest' }, { error: 'pull model manifest: file does not exist' }],
    'upstream_failed',
  ],
  ['an early end', [{ status: 'pulling manifest' }], 'upstream_cut'],
] as const) {
  test(`pull fails: ${name}`, async (context) => {
    const { server, provider } = await start(context)
    server.next({ pullLines }, '/api/pull')
    const error = await provider.pull?.(phi, () => {}, never).catch((error) => error)
    assertError(error, code, /'phi'/)
  })
}

test('with pull, a missing model is pulled once in the background', async (context) => {
  const { server, provider, given } = await start(context, { models: [] }, { pull: true })
  const waiting = { pullLines: [pulling[1]], failure: { kind: 'hang', afterChunks: 9 } } as const
  server.next(waiting, '/api/pull')
  const progressed = Promise.withResolvers<void>()
  const original = given.progressed.push.bind(given.progressed)
  given.progressed.push = (...progress) => {
    progressed.resolve()
    return original(...progress)
  }
  assert.equal((await provider.check([phi], never)).get('phi2')?.reason, 'being pulled')
  await progressed.promise
  assert.equal((await provider.check([phi], never)).get('phi2')?.reason, 'being pulled, 43 %')
  assert.equal(server.requests.filter(({ path }) => path === '/api/pull').length, 1)
  // Closing stops the pull, which Ollama sees.
  await provider.close()
  await server.hungUp(1)
})

test('with pull, a failed pull is told and not repeated at once', async (context) => {
  const { server, provider, given } = await start(context, { models: [] }, { pull: true })
  server.next({ pullLines: [{ error: 'no space left on device' }] }, '/api/pull')
  const said = Promise.withResolvers<void>()
  const original = given.said.push.bind(given.said)
  given.said.push = (...lines) => {
    said.resolve()
    return original(...lines)
  }
  await provider.check([phi], never)
  await said.promise
  assert.match((await provider.check([phi], never)).get('phi2')?.reason ?? '', /no space left/)
  assert.equal(server.requests.filter(({ path }) => path === '/api/pull').length, 1)
})

// Together, as undici looks at its clock only twice a second.
describe('timeouts', { concurrency: true }, () => {
  for (const [name, script, options] of [
    ['no headers', { failure: { kind: 'no-headers' } }, { first_byte_timeout_ms: 30 }],
    ['silence', { text: 'One two', failure: { kind: 'hang', afterChunks: 1 } }, { idle_timeout_ms: 30 }],
  ] as const) {
    test(`timeout: ${name}, and the server sees the socket close`, async (context) => {
      const { server, provider } = await start(context, { script }, options)
      assertError((await collect(provider.send({ request: chat('Hi'), model: phi }, never))).error, 'upstream_timeout')
      await server.hungUp(1)
    })
  }
})
