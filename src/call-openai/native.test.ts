import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { z } from 'zod'
import { assertError, card, chat, collect, never, openProvider } from '../../test/fixtures/stand-ins/calls.ts'
import { type OpenaiScript, startOpenaiStandIn } from '../../test/fixtures/stand-ins/openai.ts'
import type { ModelCard } from '../core/model.ts'
import { noUsage } from '../core/usage.ts'
import { openaiCompatible } from '../providers/openai-compatible.ts'
import { responsesReader } from './responses-reply.ts'

type Options = z.input<typeof openaiCompatible.options>

const apiKey = 'sk-test-key-0123456789'
const all = ['openai-chat', 'openai-responses', 'openai-completions']
const gpt = card({ name: 'gpt', id: 'gpt-test', dialects: all })

const dialects = {
  'openai-chat': { path: '/v1/chat/completions', prompt: '"messages":[{"role":"user","content":"Hi"}]' },
  'openai-completions': { path: '/v1/completions', prompt: '"prompt":"Hi"' },
  'openai-responses': { path: '/v1/responses', prompt: '"input":"Hi"' },
} as const
type Dialect = keyof typeof dialects

async function start(context: TestContext, script?: OpenaiScript, options: Options = {}) {
  const server = await startOpenaiStandIn(script === undefined ? {} : { script })
  const provider = openProvider(openaiCompatible, { api_key: apiKey, base_url: `${server.url}/v1`, ...options })
  context.after(async () => {
    await provider.close()
    await server.close()
  })
  return { server, provider }
}

interface Wanted {
  readonly stream?: boolean
  readonly fields?: string
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** The request as a client would send it: odd white space, fields and numbers that nobody knows. */
function native(dialect: Dialect, { stream = true, fields = '', query = '', headers = {} }: Wanted = {}) {
  const streams = stream ? '"stream": true, ' : ''
  const body = `{ ${streams}"model": "auto",${fields} "unknown":12345678901234567890 , ${dialects[dialect].prompt} }`
  return chat('Hi', { dialect, stream, client: { body, headers, query } })
}

/** What the server itself sends for the same body. */
async function direct(url: string, dialect: Dialect, body: string): Promise<string> {
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' }
  return await (await fetch(url + dialects[dialect].path, { method: 'POST', headers, body })).text()
}

const withoutIds = (text: string) => text.replaceAll(/(resp_|rs_|msg_|fc_|call_)[a-z0-9_]+/g, '$1')

const rich: OpenaiScript = {
  text: 'Žluťoučký kůň 🐎.',
  reasoning: 'A horse.',
  toolCalls: [{ id: 'call_1', name: 'ride', arguments: '{"far":12345678901234567890}' }],
  extra: { body: { mystery: 1 }, event: { type: 'mystery_event', n: 1 } },
}
const plainScript: OpenaiScript = { text: rich.text ?? '', extra: { body: { mystery: 1 } } }

for (const dialect of Object.keys(dialects) as Dialect[]) {
  const script = dialect === 'openai-completions' ? plainScript : rich
  for (const stream of [true, false]) {
    test(`${stream ? 'a stream' : 'a whole reply'} of ${dialect} passes as it is`, async (context) => {
      const { server, provider } = await start(context, { ...script, splitBytes: [1, 7, 3] })
      const fields = stream && dialect !== 'openai-responses' ? '"stream_options":{"include_usage":true},' : ''
      const request = native(dialect, { stream, fields, query: '?api-version=1' })
      const reply = await collect(provider.send({ request, model: gpt }, never))
      assert.equal(reply.error, undefined)
      const [sent] = server.requests
      assert.equal(sent?.path, dialects[dialect].path)
      assert.equal(sent?.query, 'api-version=1')
      assert.equal(sent?.text, request.client?.body.replace('"auto"', '"gpt-test"'))
      assert.equal(withoutIds(reply.native ?? ''), withoutIds(await direct(server.url, dialect, sent?.text ?? '')))
      assert.equal(reply.text, script.text)
      assert.deepEqual(reply.toolCalls, script.toolCalls ?? [])
      assert.equal(reply.finish?.reason, script === rich ? 'tool-calls' : 'stop')
      assert.ok((reply.finish?.usage?.input ?? 0) > 0)
      if (script === rich) assert.equal(reply.reasoning, rich.reasoning)
      const opened = reply.parts[0]
      assert.ok(opened?.type === 'opened')
      assert.equal(opened.headers['openai-version'], '2020-10-01')
      assert.equal(opened.headers['x-request-id'], undefined)
    })
  }
}

for (const dialect of ['openai-chat', 'openai-completions'] as const) {
  test(`the usage is asked for, and kept to ourselves: ${dialect}`, async (context) => {
    const { server, provider } = await start(context, plainScript)
    const request = native(dialect)
    const reply = await collect(provider.send({ request, model: gpt }, never))
    assert.deepEqual(server.requests[0]?.body.stream_options, { include_usage: true })
    assert.equal(
      reply.native,
      await direct(server.url, dialect, request.client?.body.replace('auto', 'gpt-test') ?? ''),
    )
    assert.ok((reply.finish?.usage?.output ?? 0) > 0)
  })
}

test('a client without stream options gets a reply without them', async (context) => {
  const { server, provider } = await start(context, plainScript, { preset: 'mistral' })
  await collect(provider.send({ request: native('openai-chat'), model: gpt }, never))
  assert.equal(server.requests[0]?.body.stream_options, undefined)
})

for (const stream of [true, false]) {
  test(`local replies are judged by probabilities that the client does not see: ${stream}`, async (context) => {
    const { server, provider } = await start(context, { text: 'Hi there' }, { preset: 'vllm' })
    const request = native('openai-chat', { stream })
    const reply = await collect(provider.send({ request, model: { ...gpt, backend: 'local' } }, never))
    assert.equal(server.requests[0]?.body.logprobs, true)
    assert.deepEqual(reply.logprobs, [-0.5, -0.5])
    assert.equal(
      reply.native,
      await direct(server.url, 'openai-chat', request.client?.body.replace('auto', 'gpt-test') ?? ''),
    )
  })
}

test('probabilities that the client asked for stay', async (context) => {
  const { provider } = await start(context, { text: 'Hi there' }, { preset: 'vllm' })
  const request = native('openai-chat', { fields: '"logprobs":true,' })
  const reply = await collect(provider.send({ request, model: { ...gpt, backend: 'local' } }, never))
  assert.match(reply.native ?? '', /"logprob":-0.5/)
})

test('several choices come together', async (context) => {
  const { provider } = await start(context, rich)
  const request = { ...native('openai-chat', { fields: '"n":2,' }), choices: 2 }
  const { parts, finish } = await collect(provider.send({ request, model: gpt }, never))
  const second = parts.flatMap((part) => (part.type === 'text-delta' && part.choice === 1 ? [part.text] : []))
  assert.equal(second.join(''), `${rich.text} (2)`)
  assert.deepEqual(finish?.reasons, ['tool-calls', 'tool-calls'])
})

const edits: {
  name: string
  dialect?: Dialect
  fields: string
  options?: Options
  model?: Partial<ModelCard>
  expected: Record<string, unknown>
  warnings?: RegExp[]
}[] = [
  {
    name: 'fixed sampling',
    fields: '"temperature":0.5,"top_p":1,',
    model: { fixedSampling: true },
    expected: { temperature: undefined, top_p: undefined },
    warnings: [/does not accept temperature, top_p/],
  },
  {
    name: 'OpenAI’s new name of the limit',
    fields: '"max_tokens":50,',
    options: { preset: 'openai' },
    expected: { max_tokens: undefined, max_completion_tokens: 50 },
  },
  {
    name: 'the old one elsewhere',
    fields: '"max_completion_tokens":50,',
    expected: { max_tokens: 50, max_completion_tokens: undefined },
  },
  {
    name: 'what Mistral refuses, and its own name of the seed',
    fields: '"stream_options":{"include_usage":true},"user":"me","seed":7,"logprobs":true,"top_logprobs":2,',
    options: { preset: 'mistral' },
    expected: {
      stream_options: undefined,
      user: undefined,
      seed: undefined,
      random_seed: 7,
      logprobs: undefined,
      top_logprobs: undefined,
    },
    warnings: [/does not accept user, logprobs, top_logprobs/],
  },
  {
    name: 'a field of another API, which is the server’s own matter',
    fields: '"top_k":5,',
    expected: { top_k: 5 },
  },
  {
    name: 'a limit over that of the model',
    dialect: 'openai-responses',
    fields: '"max_output_tokens":50,',
    model: { maxOutputTokens: 10 },
    expected: { max_output_tokens: 10 },
    warnings: [/writes 10 tokens at most/],
  },
]

for (const { name, dialect = 'openai-chat', fields, options, model, expected, warnings = [] } of edits) {
  test(`what is edited: ${name}`, async (context) => {
    const { server, provider } = await start(context, undefined, options)
    const request = native(dialect, { fields })
    const reply = await collect(provider.send({ request, model: { ...gpt, ...model } }, never))
    assert.equal(reply.error, undefined)
    const body = server.requests[0]?.body
    for (const [field, value] of Object.entries(expected)) assert.deepEqual(body[field], value, field)
    assert.equal(reply.warnings.length, warnings.length, reply.warnings.join())
    for (const [index, warning] of warnings.entries()) assert.match(reply.warnings[index] ?? '', warning)
  })
}

for (const script of [
  { done: false },
  { done: false, failure: { kind: 'cut', afterChunks: 9 }, usage: null },
] as const) {
  test(`a stream that forgets its end gets it: ${JSON.stringify(script)}`, async (context) => {
    const { provider } = await start(context, { text: 'Hi', ...script })
    const reply = await collect(provider.send({ request: native('openai-chat'), model: gpt }, never))
    assert.equal(reply.error, undefined)
    assert.match(reply.native ?? '', /\n\ndata: \[DONE\]\n\n$/)
    assert.equal(reply.finish?.reason, 'stop')
  })
}

for (const [reason, expected] of [
  ['length', 'length'],
  ['content_filter', 'content-filter'],
] as const) {
  for (const stream of [true, false]) {
    test(`an incomplete response: ${reason}, ${stream}`, async (context) => {
      const { provider } = await start(context, { text: 'Hi', finishReason: reason })
      const request = native('openai-responses', { stream })
      assert.equal((await collect(provider.send({ request, model: gpt }, never))).finish?.reason, expected)
    })
  }
}

test('a response that is refused', async (context) => {
  for (const stream of [true, false]) {
    const { provider } = await start(context, { refusal: 'I cannot.' })
    const reply = await collect(provider.send({ request: native('openai-responses', { stream }), model: gpt }, never))
    assert.equal(reply.text, 'I cannot.')
    assert.equal(reply.finish?.reason, 'content-filter')
  }
})

test('an error event of a response', async (context) => {
  const error = { code: 'rate_limit_exceeded', message: 'Slow down' }
  const { provider } = await start(context, { text: 'Hi', failure: { kind: 'error-event', afterChunks: 0, error } })
  const reply = await collect(provider.send({ request: native('openai-responses'), model: gpt }, never))
  assertError(reply.error, 'upstream_rate_limited', /Slow down/)
})

const asked = { role: 'user', content: 'Hi', odd: 1 }
const toolCall = (id: string) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } })
const thoughtful = { reasoning_content: 'Hm.', reasoning_details: [{ type: 'reasoning.text', text: 'Hm.' }] }
const called = (id: string) => ({ role: 'assistant', content: null, tool_calls: [toolCall(id)] })
const answered = (id: string) => ({ role: 'tool', tool_call_id: id, content: 'ok' })
const elsewhere = [asked, { ...called('call_1'), ...thoughtful, reasoning: 'Hm.' }, answered('call_1')]

// A conversation may have been with another vendor's model before.
for (const [preset, expected] of [
  ['mistral', [asked, called('74196fe72'), answered('74196fe72')]],
  ['groq', [asked, { ...called('call_1'), reasoning: 'Hm.' }, answered('call_1')]],
  ['cerebras', [asked, { ...called('call_1'), reasoning: 'Hm.' }, answered('call_1')]],
  ['vllm', elsewhere],
] as const) {
  test(`what ${preset} would refuse in a conversation does not reach it`, async (context) => {
    const { server, provider } = await start(context, undefined, { preset })
    const body = JSON.stringify({ model: 'auto', stream: true, messages: elsewhere })
    const request = chat('Hi', { dialect: 'openai-chat', stream: true, client: { body, headers: {}, query: '' } })
    await collect(provider.send({ request, model: gpt }, never))
    assert.deepEqual(server.requests[0]?.body.messages, expected)
  })
}

// A reply that passed is read, too: it may be recalled for an equal request.
for (const [dialect, fields] of [
  ['openai-chat', '"logprobs":true,"top_logprobs":2,'],
  ['openai-completions', '"logprobs":2,'],
  ['openai-responses', '"include":["message.output_text.logprobs"],"top_logprobs":2,'],
] as const) {
  for (const stream of [true, false]) {
    test(`the likeliest tokens are understood: ${dialect}, ${stream}`, async (context) => {
      const { provider } = await start(context, { text: 'Hi' })
      const { parts } = await collect(
        provider.send({ request: native(dialect, { stream, fields }), model: gpt }, never),
      )
      const told = parts.flatMap((part) => (part.type === 'text-delta' ? (part.logprobs ?? []) : []))
      assert.equal(told.length, 1)
      assert.deepEqual(told[0]?.top, [
        { token: 'Hi', logprob: -0.5 },
        { token: ' other1', logprob: -1.5 },
      ])
    })
  }
}

test('an error within a stream about our key is not for the client', async (context) => {
  const error = { message: 'Incorrect API key: sk-te**', type: 'invalid_request_error', code: 'invalid_api_key' }
  const { provider } = await start(context, { text: 'Hi', failure: { kind: 'error-event', afterChunks: 0, error } })
  const reply = await collect(provider.send({ request: native('openai-chat'), model: gpt }, never))
  assertError(reply.error, 'upstream_unauthorized')
  assert.equal(reply.error.frame, undefined)
})

for (const dialect of ['openai-chat', 'openai-completions'] as const) {
  test(`a body without any choice is no reply: ${dialect}`, async (context) => {
    const { provider } = await start(context, { text: 'Hi', extra: { body: { choices: undefined } } })
    const reply = await collect(provider.send({ request: native(dialect, { stream: false }), model: gpt }, never))
    assertError(reply.error, 'upstream_failed', /no complete reply/)
  })
}

for (const whole of [true, false]) {
  test(`a response’s call of a custom tool: ${whole}`, () => {
    const reader = responsesReader({ name: 'p', url: '', keyHint: '', secrets: [] })
    const item = { type: 'custom_tool_call', call_id: 'c', name: 'patch', input: 'a "b"' }
    const events = whole
      ? [{ object: 'response', status: 'completed', output: [item] }]
      : [
          { type: 'response.output_item.added', output_index: 0, item: { ...item, input: '' } },
          { type: 'response.custom_tool_call_input.delta', output_index: 0, delta: 'a "b"' },
          { type: 'response.completed', response: { status: 'completed' } },
        ]
    assert.deepEqual(
      events.flatMap((event) => reader.read(event)),
      [
        { type: 'opaque', kind: 'custom_tool_call' },
        { type: 'tool-call', index: 0, id: 'c', name: 'patch' },
        { type: 'tool-call-delta', index: 0, arguments: 'a "b"' },
      ],
    )
    assert.equal(reader.finish()?.reason, 'tool-calls')
  })
}

test('a response’s usage: what was read from the cache, and what was written into it', () => {
  const reader = responsesReader({ name: 'p', url: '', keyHint: '', secrets: [] })
  const input_tokens_details = { cached_tokens: 30, cache_write_tokens: 60 }
  const usage = { input_tokens: 100, input_tokens_details, output_tokens: 5 }
  reader.read({ type: 'response.completed', response: { status: 'completed', usage } })
  assert.deepEqual(reader.finish()?.usage, { ...noUsage, input: 10, cacheRead: 30, cacheWrite: 60, output: 5 })
})

test('an error is told in the server’s own words', async (context) => {
  const body = { error: { message: 'odd', type: 'invalid_request_error', param: 'x', code: 'odd_one' } }
  const { provider } = await start(context, { failure: { kind: 'status', status: 422, body } })
  const reply = await collect(provider.send({ request: native('openai-chat'), model: gpt }, never))
  assertError(reply.error, 'upstream_rejected')
  assert.deepEqual(reply.error.upstream, { dialect: 'openai-chat', status: 422, body: JSON.stringify(body) })
})

// From the very beginning, before any content, and within the reply.
for (const afterChunks of [-1, 0, 1]) {
  test(`endless comments are no reply: ${afterChunks}`, async (context) => {
    const script: OpenaiScript = { text: 'One two', failure: { kind: 'keep-alive', afterChunks } }
    const { provider } = await start(context, script, { keep_alive_timeout_ms: 30 })
    const reply = await collect(provider.send({ request: native('openai-chat'), model: gpt }, never))
    assertError(reply.error, 'upstream_timeout', /signs of life/)
  })
}

for (const [options, expected] of [
  [{ preset: 'openai' }, ['openai-chat', 'openai-responses']],
  [{ preset: 'vllm' }, all],
  [{ base_url: 'http://x' }, ['openai-chat']],
  [{ preset: 'openai', dialects: [] }, ['openai-chat']],
] as const) {
  test(`what is spoken: ${JSON.stringify(options)}`, () => {
    const parsed = openaiCompatible.options.parse(options)
    assert.deepEqual([...openaiCompatible.speaks(parsed)].toSorted(), [...expected].toSorted())
  })
}

test('vectors of Mistral, which does not want to know the user', async (context) => {
  for (const [preset, expected] of [
    ['mistral', undefined],
    ['openai', 'me'],
  ] as const) {
    const { server, provider } = await start(context, undefined, { preset })
    await provider.embed?.(
      { request: { id: 'r', dialect: 'native', model: 'auto', inputs: ['one'], user: 'me' }, model: gpt },
      never,
    )
    assert.equal(server.requests[0]?.body.user, expected)
  }
})

for (const base64 of [false, true]) {
  test(`vectors, ${base64 ? 'packed' : 'as numbers'}`, async (context) => {
    const { server, provider } = await start(context)
    const request = { id: 'r', dialect: 'native', model: 'auto', inputs: ['one', 'three'], dimensions: 4 }
    const vector = Buffer.from(new Float32Array([0.5, -1]).buffer).toString('base64')
    const data = [
      { index: 1, embedding: vector },
      { index: 0, embedding: [1, 2] },
    ]
    if (base64) server.next({ extra: { body: { data } } }, '/v1/embeddings')
    const { vectors, usage } = (await provider.embed?.({ request, model: gpt }, never)) ?? {}
    const { model, input, encoding_format, dimensions } = server.requests[0]?.body ?? {}
    assert.deepEqual(
      { model, input, encoding_format, dimensions },
      { model: 'gpt-test', input: ['one', 'three'], encoding_format: 'float', dimensions: 4 },
    )
    if (base64) {
      assert.deepEqual(vectors, [
        [1, 2],
        [0.5, -1],
      ])
    } else
      assert.deepEqual(
        vectors?.map(({ length }) => length),
        [4, 4],
      )
    assert.ok((usage?.input ?? 0) > 0)
  })
}
