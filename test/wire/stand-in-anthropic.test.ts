import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import Anthropic, { APIError, AuthenticationError, BadRequestError, NotFoundError } from '@anthropic-ai/sdk'
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod'
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod'
import { z } from 'zod'
import { failure } from '../fixtures/failure.ts'
import { type AnthropicStandInOptions, startAnthropicStandIn } from '../fixtures/stand-ins/anthropic.ts'

const model = 'claude-test'
const apiKey = 'sk-ant-test-key-0123456789'
const ask: Anthropic.MessageCreateParamsNonStreaming = {
  model,
  max_tokens: 4096,
  messages: [{ role: 'user', content: 'How are you?' }],
}
const thinking = { type: 'enabled', budget_tokens: 1024 } as const
const weather: Anthropic.Tool = {
  name: 'weather',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}

async function start(context: TestContext, options: AnthropicStandInOptions = {}) {
  const server = await startAnthropicStandIn(options)
  context.after(() => server.close())
  return { server, client: new Anthropic({ baseURL: server.url, apiKey, maxRetries: 0 }) }
}

describe('Anthropic stand-in: messages', () => {
  const citation = { type: 'char_location', cited_text: 'kůň', document_index: 0, start_char_index: 0 }
  const results = [{ type: 'web_search_result', url: 'https://example.com/', title: 'Horses', encrypted_content: 'x' }]
  const scripts = [
    { name: 'text', script: { text: 'Žluťoučký kůň.' }, types: ['text'], reason: 'end_turn' },
    {
      name: 'thinking, open and redacted',
      script: { text: 'Yes.', reasoning: 'Is it? It is.', redactedThinking: 'ZW5jcnlwdGVk' },
      types: ['thinking', 'redacted_thinking', 'text'],
      reason: 'end_turn',
    },
    {
      name: 'parallel calls',
      script: {
        text: 'Let me look.',
        toolCalls: [
          { name: 'weather', arguments: '{"city":"東京"}' },
          { name: 'weather', arguments: '{}' },
        ],
      },
      types: ['text', 'tool_use', 'tool_use'],
      reason: 'tool_use',
    },
    {
      name: 'a search on the server, with a citation',
      script: {
        text: 'A horse.',
        citations: [citation],
        blocks: [
          { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'horse' } },
          { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: results },
        ],
      },
      types: ['server_tool_use', 'web_search_tool_result', 'text'],
      reason: 'end_turn',
    },
    {
      name: 'a stop sequence',
      script: { text: 'One', stopSequence: 'END' },
      types: ['text'],
      reason: 'stop_sequence',
    },
  ]
  for (const { name, script, types, reason } of scripts) {
    test(`the same whole and streamed: ${name}`, async (context) => {
      const { server, client } = await start(context)
      // Ids are made up anew for each reply.
      const toolCalls = script.toolCalls?.map((call, index) => ({ ...call, id: `toolu_${index}` }))
      const same = {
        ...script,
        ...(toolCalls && { toolCalls }),
        extra: { body: { x_body: 1 }, message: { x_block: 2 } },
      }
      server.next(same)
      server.next(same)
      const whole = await client.messages.create(ask)
      const streamed = await client.messages.stream(ask).finalMessage()
      assert.deepEqual(
        whole.content.map(({ type }) => type),
        types,
      )
      assert.equal(whole.stop_reason, reason)
      assert.equal(Reflect.get(whole, 'x_body'), 1)
      assert.equal(Reflect.get(whole.content[0] ?? {}, 'x_block'), 2)
      const plain = (message: Anthropic.Message) =>
        JSON.parse(JSON.stringify({ ...message, id: 'any', parsed_output: undefined }))
      assert.deepEqual(plain(streamed), plain(whole))
    })
  }

  test('the events are in the documented order', async (context) => {
    const { server, client } = await start(context)
    server.next({
      text: 'Hi.',
      reasoning: 'Hm.',
      toolCalls: [{ name: 'now', arguments: '{"zone":1}' }],
      extra: { event: { type: 'x_event', x: 1 } },
    })
    const response = await client.messages.create({ ...ask, stream: true }).asResponse()
    const events = [...(await response.text()).matchAll(/^event: (?<name>\S+)\ndata: (?<data>.*)$/gm)]
    assert.deepEqual(
      events.map(({ groups }) => JSON.parse(groups?.data ?? '').type),
      events.map(({ groups }) => groups?.name),
    )
    const delta = ['content_block_delta']
    assert.deepEqual(
      events.map(({ groups }) => groups?.name),
      [
        ...['message_start', 'x_event', 'content_block_start', 'ping', ...delta, ...delta, 'content_block_stop'],
        ...['content_block_start', ...delta, 'content_block_stop'],
        ...['content_block_start', ...delta, ...delta, ...delta, 'content_block_stop'],
        ...['message_delta', 'message_stop'],
      ],
    )
  })

  test('cached tokens and the cumulative usage', async (context) => {
    const { server, client } = await start(context)
    const usage = { input_tokens: 3, cache_read_input_tokens: 100, cache_creation_input_tokens: 7, output_tokens: 1 }
    server.next({ text: 'Hi', usage, finalUsage: { output_tokens: 42 } })
    const message = await client.messages.stream(ask).finalMessage()
    assert.deepEqual(message.usage, { ...usage, output_tokens: 42 })
  })

  for (const [stream, holdsThreads, sent] of [
    [false, true, [{ type: 'create' }, { type: 'continue' }]],
    [true, true, [{ type: 'create' }, { type: 'continue' }]],
    [false, false, [{ type: 'create' }, undefined, undefined]],
    [true, false, [{ type: 'create' }, undefined, undefined]],
  ] as const) {
    const how = `${stream ? 'streamed' : 'whole'}, ${holdsThreads ? 'in a thread' : 'without threads'}`
    test(`a tool loop with thinking by itself, ${how}`, async (context) => {
      const { server, client } = await start(context, { brain: true, checksSignatures: true, holdsThreads })
      const asked: string[] = []
      const tool = betaZodTool({
        name: 'weather',
        description: 'The weather in a city',
        inputSchema: z.object({ city: z.string() }),
        run: ({ city }) => {
          asked.push(city)
          return 'sunny'
        },
      })
      const message = await client.beta.messages.toolRunner({ ...ask, thinking, stream, tools: [tool] }).runUntilDone()
      assert.match(JSON.stringify(message.content), /The tool said: sunny/)
      assert.deepEqual(asked, ['Paris'])
      assert.deepEqual(
        server.requests.map(({ body }) => body.thread && { type: body.thread.type }),
        sent,
      )
    })
  }

  test('a thread that is lost is told by turns', async (context) => {
    const { server, client } = await start(context)
    const thread = client.beta.messages.thread({ model, max_tokens: 100, system: 'Be brief.' })
    await thread.send({ role: 'user', content: 'One' })
    await thread.send({ role: 'user', content: 'Two' })
    assert.equal(server.requests.at(-1)?.body.messages.length, 1)
    const continued = { type: 'continue', previous_message_id: 'msg_lost' } as const
    const betas = ['message-threads-2026-08-12' as const]
    const lost = client.beta.messages.create({ ...ask, thread: continued, betas })
    assert.match((await failure(lost, NotFoundError)).message, /"error_code":"thread_not_found"/)
  })

  test('the brain fills in schemas, sees images, and repeats', async (context) => {
    const { client } = await start(context, { brain: true })
    const format = zodOutputFormat(z.object({ name: z.string(), age: z.int() }))
    const parsed = await client.messages.parse({ ...ask, output_config: { format } })
    assert.equal(parsed.parsed_output?.name, 'text')
    const source = { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } as const
    const seen = await client.messages.create({
      ...ask,
      messages: [{ role: 'user', content: [{ type: 'image', source }] }],
    })
    assert.match(JSON.stringify(seen.content), /I see an image \(image\/png, 8 bytes\)\./)
    const { content } = await client.messages.create(ask)
    assert.match(JSON.stringify(content), /You said: How are you\?/)
  })
})

describe('Anthropic stand-in: what it refuses', () => {
  const user = (content: string | Anthropic.ContentBlockParam[]): Anthropic.MessageParam => ({ role: 'user', content })
  const assistant = (...content: Anthropic.ContentBlockParam[]): Anthropic.MessageParam => ({
    role: 'assistant',
    content,
  })
  const call = (id: string) => ({ type: 'tool_use', id, name: 'weather', input: {} }) as const
  const result = (id: string) => ({ type: 'tool_result', tool_use_id: id, content: 'sunny' }) as const
  const thought = { type: 'thinking', thinking: 'Hm.', signature: 'wrong' } as const
  const text = { type: 'text', text: 'Well.' } as const

  const refused: { name: string; body: object; message: RegExp }[] = [
    { name: 'no max_tokens', body: { max_tokens: undefined }, message: /max_tokens: Field required/ },
    { name: 'a small budget', body: { thinking: { type: 'enabled', budget_tokens: 500 } }, message: /equal to 1024/ },
    { name: 'a budget above all', body: { thinking, max_tokens: 1024 }, message: /must be greater than `thinking/ },
    { name: 'an empty text', body: { messages: [user([{ type: 'text', text: '' }])] }, message: /must be non-empty/ },
    {
      name: 'a system message',
      body: { messages: [{ role: 'system', content: 'Hi' }] },
      message: /Unexpected role/,
    },
    {
      name: 'an unanswered call',
      body: { messages: [user('Hi'), assistant(call('a'), call('b')), user([result('a')])] },
      message: /messages\.1: `tool_use` ids were found without `tool_result` blocks immediately after: b\. Each/,
    },
    {
      name: 'a result behind a text',
      body: { messages: [user('Hi'), assistant(call('a')), user([text, result('a')])] },
      message: /immediately after: a\./,
    },
    {
      name: 'a result of no call',
      body: { messages: [user('Hi'), assistant(text), user([result('a')])] },
      message: /messages\.2\.content\.0: unexpected `tool_use_id` found in `tool_result` blocks: a\. Each/,
    },
    {
      name: 'a loop whose thinking is lost',
      body: { thinking, messages: [user('Hi'), assistant(call('a')), user([result('a')])] },
      message: /messages\.1\.content\.0\.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`/,
    },
    {
      name: 'thinking without its signature',
      body: { messages: [user('Hi'), assistant({ ...thought, signature: undefined as never }, text), user('So?')] },
      message: /messages\.1\.content\.0\.thinking\.signature: Field required/,
    },
    {
      name: 'another signature',
      body: { messages: [user('Hi'), assistant(thought, text), user('So?')] },
      message: /messages\.1\.content\.0: Invalid `signature` in `thinking` block/,
    },
  ]
  for (const { name, body, message } of refused) {
    test(name, async (context) => {
      const { client } = await start(context, { checksSignatures: true })
      const error = await failure(client.messages.create({ ...ask, ...body }), BadRequestError)
      assert.equal(error.type, 'invalid_request_error')
      assert.match(error.message, message)
    })
  }

  const old = { 'anthropic-version': '2023-06-01' }
  for (const field of ['temperature', 'top_p', 'top_k']) {
    test(`${field}, since it is gone, but not of an older client`, async (context) => {
      const { client } = await start(context)
      const body = { ...ask, [field]: 1 }
      const error = await failure(client.messages.create(body), BadRequestError)
      assert.match(error.message, new RegExp(`${field}: Extra inputs are not permitted`))
      const headers = { ...old, authorization: null, 'x-api-key': apiKey }
      assert.equal((await client.messages.create(body, { headers })).stop_reason, 'end_turn')
    })
  }

  test('the wrong key, and no version', async (context) => {
    const { client } = await start(context)
    await failure(client.messages.create(ask, { headers: { 'x-api-key': 'wrong' } }), AuthenticationError)
    const error = await failure(
      client.messages.create(ask, { headers: { 'anthropic-version': null } }),
      BadRequestError,
    )
    assert.match(error.message, /anthropic-version: header is required/)
  })

  test('but not two messages of one role, nor betas that it does not know', async (context) => {
    const { client } = await start(context)
    const twice = [user('Hi'), assistant(call('a')), assistant(call('b')), user([result('a')]), user([result('b')])]
    const headers = { 'anthropic-beta': 'x-2099-01-01' }
    const { content } = await client.messages.create({ ...ask, messages: twice, tools: [weather] }, { headers })
    assert.equal(content[0]?.type, 'text')
  })

  test('an error among the events', async (context) => {
    const { server, client } = await start(context)
    const error = { type: 'overloaded_error', message: 'Overloaded' }
    server.next({ text: 'One two', failure: { kind: 'error-event', afterChunks: 1, error } })
    assert.match((await failure(client.messages.stream(ask).finalMessage(), APIError)).message, /Overloaded/)
  })
})

test('Anthropic stand-in: counted tokens and models', async (context) => {
  const { client } = await start(context, { models: [model, 'claude-other'] })
  const { input_tokens: count } = await client.messages.countTokens({ model, messages: ask.messages })
  assert.ok(count > 5)
  const models = await Array.fromAsync(client.models.list())
  assert.deepEqual(
    models.map(({ id }) => id),
    [model, 'claude-other'],
  )
  assert.equal((await client.models.retrieve(model)).display_name, 'claude test')
  await failure(client.models.retrieve('claude-9'), NotFoundError)
})
