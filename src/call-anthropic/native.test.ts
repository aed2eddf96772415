import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { z } from 'zod'
import { type AnthropicScript, startAnthropicStandIn } from '../../test/fixtures/stand-ins/anthropic.ts'
import { assertError, card, chat, collect, never, openProvider } from '../../test/fixtures/stand-ins/calls.ts'
import type { ModelCard } from '../core/model.ts'
import { anthropic } from '../providers/anthropic.ts'

const apiKey = 'sk-ant-test-key-0123456789'
const claude = card({ name: 'claude', id: 'claude-test', dialects: ['anthropic-messages'] })

async function start(context: TestContext, script?: AnthropicScript, options: z.input<typeof anthropic.options> = {}) {
  const server = await startAnthropicStandIn(script === undefined ? {} : { script })
  const provider = openProvider(anthropic, { api_key: apiKey, base_url: server.url, ...options })
  context.after(async () => {
    await provider.close()
    await server.close()
  })
  return { server, provider }
}

/** The request as a client would send it: odd white space, fields and numbers that nobody knows. */
function native(fields: string, { stream = true, headers = {}, query = '' } = {}) {
  const streams = stream ? '"stream": true, ' : ''
  const limit = fields.includes('max_tokens') ? '"last" : 1' : '"max_tokens" : 50'
  const body = `{ ${streams}"model": "auto", "messages": [{"role":"user","content":"Hi"}],${fields} ${limit} }`
  return chat('Hi', { dialect: 'anthropic-messages', stream, client: { body, headers, query } })
}

/** What the server itself sends for the same body. */
async function direct(url: string, body: string): Promise<string> {
  const headers = { 'x-api-key': apiKey, 'anthropic-version': '2023-06-01', 'content-type': 'application/json' }
  return await (await fetch(`${url}/v1/messages`, { method: 'POST', headers, body })).text()
}

const withoutIds = (text: string) => text.replaceAll(/msg_[a-z0-9]+/g, 'msg')
const withoutPings = (text: string) => text.replaceAll(/event: ping\n.*\n\n/g, '')

const rich: AnthropicScript = {
  text: 'Žluťoučký kůň 🐎.',
  reasoning: 'A horse.',
  toolCalls: [{ id: 'toolu_1', name: 'ride', arguments: '{"far":12345678901234567890}' }],
  extra: { body: { mystery: 1 }, event: { type: 'mystery_event', n: 1 } },
}

for (const splitBytes of [[0], [1, 7, 3], [64]]) {
  test(`a stream passes frame by frame, split by ${splitBytes.join()}`, async (context) => {
    const { server, provider } = await start(context, { ...rich, splitBytes })
    const request = native('"unknown":12345678901234567890,')
    const reply = await collect(provider.send({ request, model: claude }, never))
    assert.equal(reply.error, undefined)
    const sent = server.requests[0]?.text ?? ''
    assert.equal(sent, request.client?.body.replace('"auto"', '"claude-test"'))
    assert.equal(withoutIds(reply.native ?? ''), withoutPings(withoutIds(await direct(server.url, sent))))
    assert.equal(reply.text, rich.text)
    assert.equal(reply.reasoning, rich.reasoning)
    assert.deepEqual(reply.toolCalls, rich.toolCalls)
    assert.equal(reply.finish?.reason, 'tool-calls')
    assert.equal(reply.finish?.usage?.input, 12)
  })
}

test('a whole reply passes byte by byte', async (context) => {
  const { server, provider } = await start(context, rich)
  const request = native('', { stream: false })
  const reply = await collect(provider.send({ request, model: claude }, never))
  assert.equal(reply.error, undefined)
  const sent = server.requests[0]?.text ?? ''
  assert.equal(withoutIds(reply.native ?? ''), withoutIds(await direct(server.url, sent)))
  assert.equal(reply.text, rich.text)
  assert.deepEqual(reply.toolCalls, rich.toolCalls)
  assert.equal(reply.finish?.reason, 'tool-calls')
  assert.equal(reply.finish?.usage?.input, 12)
})

test('the query, the version and the betas are the client’s, the key is ours', async (context) => {
  const { server, provider } = await start(context)
  const headers = { 'anthropic-version': '2023-06-01', 'anthropic-beta': 'context-1m-2025-08-07,unknown' }
  await collect(provider.send({ request: native('', { headers, query: '?beta=true' }), model: claude }, never))
  await collect(provider.send({ request: native(''), model: claude }, never))
  const [first, second] = server.requests
  assert.equal(first?.query, 'beta=true')
  assert.equal(first?.headers['anthropic-beta'], headers['anthropic-beta'])
  assert.equal(first?.headers['x-api-key'], apiKey)
  assert.equal(second?.headers['anthropic-version'], '2023-06-01')
  assert.equal(second?.headers['anthropic-beta'], undefined)
})

test('headers that mean something to the client pass, those of the account do not', async (context) => {
  const headers = { 'anthropic-ratelimit-requests-remaining': '9', 'set-cookie': 'a=b', server: 'x' }
  const { provider } = await start(context, { text: 'Hi', headers })
  const reply = await collect(provider.send({ request: native(''), model: claude }, never))
  assert.deepEqual(reply.parts[0], { type: 'opened', headers: { 'anthropic-ratelimit-requests-remaining': '9' } })
})

const edits: {
  name: string
  fields: string
  model?: Partial<ModelCard>
  expected: Record<string, unknown>
  warnings: RegExp[]
}[] = [
  {
    name: 'fixed sampling',
    fields: '"temperature":0.5,"top_k":3,',
    model: { fixedSampling: true },
    expected: { temperature: undefined, top_k: undefined, max_tokens: 50 },
    warnings: [/does not accept temperature, top_k/],
  },
  {
    name: 'a limit over that of the model',
    fields: '',
    model: { maxOutputTokens: 10 },
    expected: { max_tokens: 10 },
    warnings: [/writes 10 tokens at most/],
  },
  {
    name: 'a budget for a model that thinks by effort',
    fields: '"thinking":{"type":"enabled","budget_tokens":2000},',
    model: { id: 'claude-opus-5' },
    expected: { thinking: { type: 'adaptive', display: 'summarized' } },
    warnings: [/does not take thinking.type 'enabled': it became 'adaptive'/],
  },
  {
    name: 'a budget whose thoughts nobody wants to see, for a model that thinks by effort',
    fields: '"thinking":{"type":"enabled","budget_tokens":2000,"display":"omitted"},',
    model: { id: 'claude-opus-5' },
    expected: { thinking: { type: 'adaptive', display: 'omitted' } },
    warnings: [/does not take thinking.type 'enabled': it became 'adaptive'/],
  },
  {
    name: 'a budget that a lowered limit leaves no room for',
    fields: '"thinking":{"type":"enabled","budget_tokens":6000,"display":"omitted"},"max_tokens":9000,',
    model: { id: 'claude-haiku-4-5', maxOutputTokens: 4000 },
    expected: { max_tokens: 4000, thinking: { type: 'enabled', budget_tokens: 2000, display: 'omitted' } },
    warnings: [/writes 4000 tokens at most/, /thinks with 2000 tokens at most/],
  },
  {
    name: 'a budget within a limit that leaves no room for any',
    fields: '"thinking":{"type":"enabled","budget_tokens":6000},"max_tokens":9000,',
    model: { id: 'claude-haiku-4-5', maxOutputTokens: 1000 },
    expected: { max_tokens: 1000, thinking: undefined },
    warnings: [/writes 1000 tokens at most/, /does not think/],
  },
  {
    name: 'an effort for a model that knows none',
    fields: '"output_config":{"effort":"max"},"thinking":{"type":"adaptive"},',
    model: { id: 'claude-haiku-4-5' },
    expected: { thinking: undefined, output_config: undefined },
    warnings: [/thinking.type 'adaptive': it became the default/, /knows no effort 'max': it was left out/],
  },
  {
    name: 'a call that is demanded of a model that always thinks',
    fields: '"tool_choice":{"type":"tool","name":"ride","disable_parallel_tool_use":true},',
    model: { id: 'claude-opus-5-5' },
    expected: { tool_choice: { type: 'auto', disable_parallel_tool_use: true }, thinking: undefined },
    warnings: [/cannot be made to call a tool: tool_choice became 'auto'/],
  },
  {
    name: 'a call that is demanded of a model that thinks unasked',
    fields: '"tool_choice":{"type":"any"},',
    model: { id: 'claude-opus-5' },
    expected: { tool_choice: { type: 'any' }, thinking: { type: 'disabled' } },
    warnings: [],
  },
  {
    name: 'a call that is demanded of a model that thinks when it is asked',
    fields: '"tool_choice":{"type":"any"},',
    model: { id: 'claude-haiku-4-5' },
    expected: { tool_choice: { type: 'any' }, thinking: undefined },
    warnings: [],
  },
  {
    name: 'a beginning of the reply, for a model that continues none',
    fields: '"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"{"}],',
    model: { id: 'claude-opus-4-6' },
    expected: {
      messages: [
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: '{' },
        { role: 'user', content: [{ type: 'text', text: 'Go on.' }] },
      ],
    },
    warnings: [/does not continue a message of the assistant: it was asked to go on instead/],
  },
  {
    name: 'a turn that the vendor’s own tool interrupted, which every model continues',
    fields:
      '"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"server_tool_use","id":"a","name":"web_search","input":{}}]}],',
    model: { id: 'claude-opus-4-6' },
    expected: {
      messages: [
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: [{ type: 'server_tool_use', id: 'a', name: 'web_search', input: {} }] },
      ],
    },
    warnings: [],
  },
  {
    name: 'a model of unknown kind gets all as it is',
    fields: '"output_config":{"effort":"max"},"thinking":{"type":"adaptive"},',
    expected: { thinking: { type: 'adaptive' }, output_config: { effort: 'max' } },
    warnings: [],
  },
]

for (const { name, fields, model, expected, warnings } of edits) {
  test(`what is edited: ${name}`, async (context) => {
    const { server, provider } = await start(context)
    const reply = await collect(provider.send({ request: native(fields), model: { ...claude, ...model } }, never))
    assert.equal(reply.error, undefined)
    const body = server.requests[0]?.body
    for (const [field, value] of Object.entries(expected)) assert.deepEqual(body[field], value, field)
    assert.equal(reply.warnings.length, warnings.length, reply.warnings.join())
    for (const [index, warning] of warnings.entries()) assert.match(reply.warnings[index] ?? '', warning)
  })
}

test('a model of another dialect is asked in its own', async (context) => {
  const { server, provider } = await start(context)
  const reply = await collect(provider.send({ request: native('"x":1,'), model: { ...claude, dialects: [] } }, never))
  assert.equal(reply.native, undefined)
  assert.equal(server.requests[0]?.body.x, undefined)
})

test('an error is told in the server’s own words, without our key', async (context) => {
  const error = { type: 'invalid_request_error', message: `odd ${apiKey}` }
  const { provider } = await start(context, {
    failure: { kind: 'status', status: 400, body: { type: 'error', error, request_id: 'req_1' } },
  })
  const reply = await collect(provider.send({ request: native(''), model: claude }, never))
  assertError(reply.error, 'upstream_rejected')
  assert.deepEqual(reply.error.upstream, {
    dialect: 'anthropic-messages',
    status: 400,
    body: '{"type":"error","error":{"type":"invalid_request_error","message":"odd [secret]"},"request_id":"req_1"}',
  })
})

for (const status of [401, 402, 403]) {
  test(`what a server says about our account is not told: ${status}`, async (context) => {
    const body = { type: 'error', error: { type: 'authentication_error', message: 'who are you' } }
    const { provider } = await start(context, { failure: { kind: 'status', status, body } })
    const reply = await collect(provider.send({ request: native(''), model: claude }, never))
    assertError(reply.error, 'upstream_unauthorized')
    assert.equal(reply.error.upstream, undefined)
    assert.equal((await provider.check([claude], never)).get('claude')?.available, false)
  })
}

test('a cut stream is an error, and its frames are whole', async (context) => {
  const { provider } = await start(context, { text: 'One two', failure: { kind: 'cut', afterChunks: 1 } })
  const reply = await collect(provider.send({ request: native(''), model: claude }, never))
  assertError(reply.error, 'upstream_cut')
  assert.match(reply.native ?? '', /\n\n$/)
})

// From the very beginning, before any content, and within the reply.
for (const afterChunks of [-1, 0, 1]) {
  test(`endless pings are no reply: ${afterChunks}`, async (context) => {
    const script: AnthropicScript = { text: 'One two', failure: { kind: 'keep-alive', afterChunks } }
    const { provider } = await start(context, script, { keep_alive_timeout_ms: 30 })
    const reply = await collect(provider.send({ request: native(''), model: claude }, never))
    assertError(reply.error, 'upstream_timeout', /signs of life/)
  })
}

test('the client’s own request is counted', async (context) => {
  const { server, provider } = await start(context)
  const request = native('"temperature":1,"context_management":{},', { query: '?beta=true' })
  const count = await provider.countTokens?.({ request, model: claude }, never)
  assert.ok(typeof count === 'number' && count > 0)
  const { path, body } = server.requests[0] ?? {}
  assert.equal(path, '/v1/messages/count_tokens')
  assert.deepEqual(body, {
    model: 'claude-test',
    messages: [{ role: 'user', content: 'Hi' }],
    context_management: {},
  })
})

test('what the model is known to refuse is not counted either', async (context) => {
  const { server, provider } = await start(context)
  const request = native('"thinking":{"type":"adaptive"},"output_config":{"effort":"max"},"max_tokens":9000,')
  const model = { ...claude, id: 'claude-haiku-4-5' }
  await provider.countTokens?.({ request, model }, never)
  const body = server.requests[0]?.body
  assert.deepEqual(body.thinking, { type: 'enabled', budget_tokens: 4500 })
  assert.equal(body.output_config, undefined)
  assert.equal(body.max_tokens, undefined)
})

test('a budget without a limit is counted as it is', async (context) => {
  const { server, provider } = await start(context)
  const { client, ...rest } = native('"thinking":{"type":"enabled","budget_tokens":2000},')
  const body = client?.body.replace(', "max_tokens" : 50', '').replace(' "max_tokens" : 50', '"x":1') ?? ''
  const request = { ...rest, client: { body, headers: {}, query: '' } }
  await provider.countTokens?.({ request, model: { ...claude, id: 'claude-haiku-4-5', maxOutputTokens: 1000 } }, never)
  assert.deepEqual(server.requests[0]?.body.thinking, { type: 'enabled', budget_tokens: 2000 })
})

test('an API version without sampling fields is sent none', async (context) => {
  const { server, provider } = await start(context, undefined, { version: '2026-10-21' })
  const request = chat('Hi', { temperature: 0.5, topK: 3 })
  const reply = await collect(provider.send({ request, model: claude }, never))
  assert.equal(reply.error, undefined)
  assert.equal(server.requests[0]?.headers['anthropic-version'], '2026-10-21')
  assert.match(reply.warnings.join(), /does not accept temperature, top_k/)
})
