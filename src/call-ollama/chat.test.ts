import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { assertError, card, chat, collect, never, openProvider, services } from '../../test/fixtures/stand-ins/calls.ts'
import { type OllamaStandInOptions, startOllamaStandIn } from '../../test/fixtures/stand-ins/ollama.ts'
import type { ContentPart } from '../core/content.ts'
import type { ModelCard } from '../core/model.ts'
import type { ChatRequest } from '../core/request.ts'
import type { FunctionTool } from '../core/tools.ts'
import { noUsage } from '../core/usage.ts'
import { ollama } from '../providers/ollama.ts'

const phi = card({ name: 'phi2', id: 'phi', backend: 'local', dialects: ['ollama-chat', 'ollama-generate'] })

async function start(context: TestContext, standIn: OllamaStandInOptions = {}) {
  const server = await startOllamaStandIn(standIn)
  const given = services()
  const changes = { count: 0 }
  const counting = { ...given, changed: () => changes.count++ }
  const provider = openProvider(ollama, { url: server.url }, counting)
  context.after(async () => {
    await provider.close()
    await server.close()
  })
  const send = (request: ChatRequest, model: ModelCard = phi) => collect(provider.send({ request, model }, never))
  return { server, provider, send, changes }
}

const weather: FunctionTool = {
  type: 'function',
  name: 'get_weather',
  description: 'Weather of a city.',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}
const other: FunctionTool = { type: 'function', name: 'other', parameters: { type: 'object', properties: {} } }

test('tool calls, with the ids of the server or with new ones', async (context) => {
  const { server, send } = await start(context)
  server.next({
    toolCalls: [
      { id: 'abc', name: 'get_weather', arguments: '{"city":"Žilina"}' },
      { id: '', name: 'other', arguments: '{}' },
    ],
  })
  const reply = await send(chat('Hi', { tools: [weather, other, { type: 'hosted', name: 'web_search' }] }))
  assert.equal(reply.error, undefined)
  const [first, second] = reply.toolCalls
  assert.deepEqual(first, { id: 'abc', name: 'get_weather', arguments: '{"city":"Žilina"}' })
  assert.deepEqual([second?.name, second?.arguments], ['other', '{}'])
  assert.match(second?.id ?? '', /^call_[0-9a-f]{24}$/)
  assert.equal(reply.finish?.reason, 'tool-calls')
  assert.match(reply.warnings.join(), /web_search/)
  assert.deepEqual(server.requests[0]?.body.tools, [
    {
      type: 'function',
      function: { name: 'get_weather', description: 'Weather of a city.', parameters: weather.parameters },
    },
    { type: 'function', function: { name: 'other', description: '', parameters: other.parameters } },
  ])
})

test('one call where no more are wanted', async (context) => {
  const { server, send } = await start(context)
  const call = { name: 'get_weather', arguments: '{}' }
  server.next({ toolCalls: [call, call] })
  const reply = await send(chat('Hi', { tools: [weather], parallelToolCalls: false }))
  assert.equal(reply.toolCalls.length, 1)
})

const choices = [
  { choice: { type: 'auto' }, offered: ['get_weather', 'other'], warned: false },
  { choice: { type: 'none' }, offered: undefined, warned: false },
  { choice: { type: 'required' }, offered: ['get_weather', 'other'], warned: true },
  { choice: { type: 'tool', name: 'other' }, offered: ['other'], warned: true },
] as const

for (const { choice, offered, warned } of choices) {
  test(`tool choice: ${choice.type}`, async (context) => {
    const { server, send } = await start(context)
    const reply = await send(chat('Hi', { tools: [weather, other], toolChoice: choice }))
    const sent: { function: { name: string } }[] | undefined = server.requests[0]?.body.tools
    assert.deepEqual(
      sent?.map((tool) => tool.function.name),
      offered,
    )
    assert.equal(reply.warnings.length > 0, warned)
  })
}

const png: ContentPart = { type: 'image', source: { kind: 'data', mediaType: 'image/png', data: 'aGVsbG8h' } }

test('a conversation with tools, images and thoughts', async (context) => {
  const { server, send } = await start(context)
  const text = (said: string) => ({ type: 'text', text: said }) as const
  const reply = await send(
    chat('', {
      tools: [weather],
      messages: [
        { role: 'system', content: [text('Be brief.'), text('Be kind.')] },
        {
          role: 'user',
          content: [text('Look'), png, { type: 'image', source: { kind: 'url', url: 'https://example.com/a.png' } }],
        },
        {
          role: 'assistant',
          content: [
            { type: 'reasoning', text: 'Hm.', signature: 'signed' },
            text('One moment.'),
            {
              type: 'tool-call',
              id: 'c1',
              name: 'get_weather',
              arguments: '{"city":"Paris","n":12345678901234567890}',
            },
            { type: 'tool-call', id: 'c2', name: 'get_weather', arguments: 'broken' },
          ],
        },
        {
          role: 'tool',
          content: [
            { type: 'tool-result', callId: 'c2', name: '', content: [text('no')], isError: true },
            { type: 'tool-result', callId: 'c1', name: 'get_weather', content: [text('18°'), png], isError: false },
          ],
        },
        { role: 'user', content: [{ type: 'opaque', kind: 'container_upload' }, text('And?')] },
      ],
    }),
  )
  assert.equal(reply.error, undefined)
  assert.deepEqual(server.requests[0]?.body.messages, [
    { role: 'system', content: 'Be brief.\n\nBe kind.' },
    { role: 'user', content: 'Look', images: ['aGVsbG8h'] },
    {
      role: 'assistant',
      content: 'One moment.',
      thinking: 'Hm.',
      tool_calls: [
        {
          id: 'c1',
          function: { index: 0, name: 'get_weather', arguments: { city: 'Paris', n: Number('12345678901234567890') } },
        },
        { id: 'c2', function: { index: 1, name: 'get_weather', arguments: {} } },
      ],
    },
    { role: 'tool', content: 'no', tool_call_id: 'c2', tool_name: 'get_weather' },
    { role: 'tool', content: '18°', images: ['aGVsbG8h'], tool_call_id: 'c1', tool_name: 'get_weather' },
    { role: 'user', content: 'And?' },
  ])
  assert.match(server.requests[0]?.text ?? '', /"n":12345678901234567890/)
  assert.match(reply.warnings.join('\n'), /container_upload[\s\S]*images as data only/)
})

const bodies: { name: string; request: Partial<ChatRequest>; model?: Partial<ModelCard>; expected: object }[] = [
  { name: 'any JSON', request: { responseFormat: { type: 'json' } }, expected: { format: 'json' } },
  {
    name: 'a schema',
    request: { responseFormat: { type: 'json-schema', name: 'n', schema: { type: 'array' } } },
    expected: { format: { type: 'array' } },
  },
  { name: 'no thinking', request: { reasoning: { enabled: false } }, expected: { think: false } },
  { name: 'thinking', request: { reasoning: { enabled: true, effort: 'high' } }, expected: { think: true } },
  {
    name: 'thinking hard',
    request: { reasoning: { enabled: true, effort: 'xhigh' } },
    model: { id: 'gpt-oss:20b' },
    expected: { think: 'high' },
  },
  {
    name: 'thinking, where it cannot',
    request: { reasoning: { enabled: true } },
    model: { capabilities: [] },
    expected: { think: undefined },
  },
  { name: 'alternatives', request: { logprobs: { top: 3 } }, expected: { logprobs: true, top_logprobs: 3 } },
]

for (const { name, request, model, expected } of bodies) {
  test(`asks for ${name}`, async (context) => {
    const { server, send } = await start(context, { models: ['phi:latest', 'gpt-oss:20b'] })
    await send(chat('Hi', request), { ...phi, ...model })
    const body = server.requests[0]?.body
    for (const [field, value] of Object.entries(expected)) assert.deepEqual(body[field], value)
  })
}

test('tokens and their alternatives', async (context) => {
  const { send } = await start(context, { script: { text: 'Hello' } })
  const { parts } = await send(chat('Hi', { logprobs: { top: 2 } }))
  const top = [
    { token: 'Hello', logprob: -0.25 },
    { token: ' other1', logprob: -1.25 },
  ]
  assert.deepEqual(parts[0], {
    type: 'text-delta',
    text: 'Hello',
    logprobs: [{ token: 'Hello', logprob: -0.25, top }],
  })
})

test('top_k is passed on', async (context) => {
  const { server, send } = await start(context)
  await send(chat('Hi', { topK: 7 }))
  assert.equal(server.requests[0]?.body.options.top_k, 7)
})

const embedding = { id: 'e1', dialect: 'native', model: 'auto', inputs: ['one two', 'three'] }

test('vectors', async (context) => {
  const { server, provider } = await start(context)
  const reply = await provider.embed?.({ request: { ...embedding, dimensions: 4, truncate: false }, model: phi }, never)
  assert.deepEqual(
    reply?.vectors.map(({ length }) => length),
    [4, 4],
  )
  assert.deepEqual(reply?.usage, { ...noUsage, input: 3 })
  const { model, input, dimensions, truncate, keep_alive } = server.requests[0]?.body ?? {}
  assert.deepEqual([model, input, dimensions, truncate, keep_alive], ['phi', ['one two', 'three'], 4, false, '5m'])
})

test('vectors of a model that is not there', async (context) => {
  const { provider } = await start(context, { models: [] })
  const error = await provider.embed?.({ request: embedding, model: phi }, never).catch((error: unknown) => error)
  assertError(error, 'model_unavailable', /ollama pull phi/)
})

test('what models can do is asked once for each version of them', async (context) => {
  const { server, provider } = await start(context, {
    models: ['phi:latest', 'nomic:latest'],
    capabilities: { 'phi:latest': ['completion', 'vision'], 'nomic:latest': ['embedding'] },
  })
  const models = [phi, card({ name: 'nomic', id: 'nomic' })]
  for (let round = 0; round < 2; round++) {
    const found = await provider.check(models, never)
    assert.deepEqual(found.get('phi2')?.capabilities, ['json-schema', 'logprobs', 'images'])
    assert.deepEqual(found.get('nomic')?.capabilities, ['json-schema', 'logprobs', 'embeddings'])
  }
  assert.equal(server.requests.filter(({ path }) => path === '/api/show').length, 2)
})

test('older versions tell by their template and families', async (context) => {
  const { server, provider } = await start(context)
  const body = { template: '{{ .Tools }}', details: { families: ['llama', 'clip'] } }
  server.next({ failure: { kind: 'status', status: 200, body } }, '/api/show')
  const found = await provider.check([phi], never)
  assert.deepEqual(found.get('phi2')?.capabilities, ['json-schema', 'logprobs', 'tools', 'images'])
})

test('a refusal teaches that a model has no tools', async (context) => {
  const { server, provider, send, changes } = await start(context)
  await provider.check([phi], never)
  const error = 'registry.ollama.ai/library/phi:latest does not support tools'
  server.next({ failure: { kind: 'status', status: 400, body: { error } } })
  assertError((await send(chat('Hi', { tools: [weather] }))).error, 'model_unavailable', /does not support tools/)
  assert.equal(changes.count, 1)
  const found = await provider.check([phi], never)
  assert.equal(found.get('phi2')?.capabilities?.includes('tools'), false)
})
