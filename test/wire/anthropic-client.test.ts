import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createAnthropic } from '@ai-sdk/anthropic'
import Anthropic, {
  APIError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
} from '@anthropic-ai/sdk'
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema'
import { generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai'
import { openTestGateway, type TestGateway, type TestGatewayOptions } from '../fixtures/gateway.ts'
import { type AnthropicScript, startAnthropicStandIn } from '../fixtures/stand-ins/anthropic.ts'
import { type OpenaiScript, startOpenaiStandIn } from '../fixtures/stand-ins/openai.ts'
import type { StandIn } from '../fixtures/stand-ins/stand-in.ts'

const ask = { model: 'auto', max_tokens: 100, messages: [{ role: 'user' as const, content: 'one two three' }] }
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

/** Not equal to any other: equal requests share an answer. */
const asking = (content: string) => ({ ...ask, messages: [{ role: 'user' as const, content }] })
const weather = {
  name: 'weather',
  description: 'The weather of a city.',
  input_schema: { type: 'object' as const, properties: { city: { type: 'string' } }, required: ['city'] },
}

describe('the @anthropic-ai/sdk package', () => {
  let server: StandIn<OpenaiScript>
  let gateway: TestGateway
  let client: Anthropic
  before(async () => {
    server = await startOpenaiStandIn({ brain: true, apiKey: '' })
    gateway = await openTestGateway(behind(server))
    client = await clientOf(gateway)
  })
  after(async () => {
    await gateway.close()
    await server.close()
  })

  const lastSent = () => server.requests.at(-1)?.body

  test('a message, and its request id', async () => {
    const message = await client.messages.create(ask)
    assert.deepEqual(textsOf(message), ['You said: one two three'])
    assert.deepEqual(
      [message.type, message.role, message.stop_reason, message.model],
      ['message', 'assistant', 'end_turn', 'helper'],
    )
    assert.equal(message.usage.input_tokens, 9)
    assert.ok(message.usage.output_tokens > 0)
    assert.equal(message.id, `msg_hybrid_${message._request_id}`)
    const row = await gateway.house.account.find(message._request_id ?? '')
    assert.deepEqual([row?.status, row?.dialect], ['answered', 'anthropic-messages'])
  })

  test('a stream of events', async () => {
    const { data: stream, response } = await client.messages.create({ ...ask, stream: true }).withResponse()
    const events = await Array.fromAsync(stream)
    assert.equal(response.headers.get('x-hybrid-model'), 'helper')
    const [first, ...rest] = events.map(({ type }) => type)
    assert.equal(first, 'message_start')
    assert.deepEqual(
      rest.filter((type) => type !== 'content_block_delta'),
      ['content_block_start', 'content_block_stop', 'message_delta', 'message_stop'],
    )
  })

  test('the stream helper', async () => {
    const stream = client.messages.stream(ask)
    const texts: string[] = []
    stream.on('text', (text) => texts.push(text))
    const message = await stream.finalMessage()
    assert.equal(texts.join(''), 'You said: one two three')
    assert.deepEqual(textsOf(message), ['You said: one two three'])
    assert.deepEqual([message.stop_reason, message.usage.input_tokens], ['end_turn', 9])
  })

  test('a tool loop by hand', async () => {
    const question = { role: 'user' as const, content: 'Weather in Paris?' }
    const first = await client.messages.create({ ...ask, messages: [question], tools: [weather] })
    const call = first.content.find((block) => block.type === 'tool_use')
    assert.deepEqual([first.stop_reason, call?.name, call?.input], ['tool_use', 'weather', { city: 'Paris' }])

    const second = await client.messages.create({
      ...ask,
      tools: [weather],
      messages: [
        question,
        { role: 'assistant', content: first.content },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: call?.id ?? '', content: 'sunny' }] },
      ],
    })
    assert.deepEqual(textsOf(second), ['The tool said: sunny'])
    assert.equal(second.stop_reason, 'end_turn')
  })

  for (const stream of [false, true]) {
    test(`the tool runner${stream ? ', streaming' : ''}`, async () => {
      const asked: unknown[] = []
      const runnable = betaTool({
        name: weather.name,
        description: weather.description,
        inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
        run: (input) => {
          asked.push(input)
          return 'rainy'
        },
      })
      const body = { ...ask, max_iterations: 4, tools: [runnable] }
      const message = stream
        ? await client.beta.messages.toolRunner({ ...body, stream: true }).runUntilDone()
        : await client.beta.messages.toolRunner(body).runUntilDone()
      assert.deepEqual(asked, [{ city: 'Paris' }])
      assert.deepEqual(
        message.content.map((block) => block.type === 'text' && block.text),
        ['The tool said: rainy'],
      )
      assert.equal(server.requests.at(-1)?.path, '/v1/chat/completions')
    })
  }

  test('a thread, of which nobody here holds the beginning', async () => {
    const thread = client.beta.messages.thread({ model: 'auto', max_tokens: 100 })
    for (const content of ['One.', 'Two.', 'Three.']) {
      const message = await thread.send({ role: 'user', content })
      assert.deepEqual(
        message.content.map((block) => block.type === 'text' && block.text),
        [`You said: ${content}`],
      )
    }
    assert.equal(lastSent().messages.length, 5)
  })

  test('parallel calls', async () => {
    const toolCalls = [
      { name: 'weather', arguments: '{"city":"Paris"}' },
      { name: 'weather', arguments: '{"city":"Rome"}' },
    ]
    for (const stream of [false, true]) {
      server.next({ text: 'Both.', toolCalls })
      const body = { ...ask, messages: [{ role: 'user' as const, content: `Both, ${stream}` }], tools: [weather] }
      const message = stream ? await client.messages.stream(body).finalMessage() : await client.messages.create(body)
      const inputs = message.content.flatMap((block) => (block.type === 'tool_use' ? [block.input] : []))
      assert.deepEqual(inputs, [{ city: 'Paris' }, { city: 'Rome' }])
    }
  })

  test('thoughts, and the way back', async () => {
    const thinking = { type: 'enabled' as const, budget_tokens: 1024 }
    const body = { ...ask, max_tokens: 2048, thinking, messages: [{ role: 'user' as const, content: 'Think.' }] }
    server.next({ reasoning: 'First this.', text: 'Done.' })
    const stream = client.messages.stream(body)
    const thoughts: string[] = []
    stream.on('thinking', (thought) => thoughts.push(thought))
    const streamed = await stream.finalMessage()
    assert.equal(thoughts.join(''), 'First this.')
    assert.deepEqual(streamed.content, [
      { type: 'thinking', thinking: 'First this.', signature: 'unsigned' },
      { type: 'text', text: 'Done.', citations: null },
    ])

    const again = await client.messages.create({
      ...body,
      messages: [...body.messages, { role: 'assistant', content: streamed.content }, { role: 'user', content: 'And?' }],
    })
    assert.deepEqual(textsOf(again), ['You said: And?'])
  })

  test('thoughts that nobody asked for do not come before the text', async () => {
    server.next({ reasoning: 'First this.', text: 'Done.' })
    const { content } = await client.messages.create({ ...ask, messages: [{ role: 'user', content: 'Do not think.' }] })
    assert.deepEqual(content, [{ type: 'text', text: 'Done.', citations: null }])
  })

  test('a picture', async () => {
    const message = await client.messages.create({
      ...ask,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } },
            { type: 'text', text: 'What is this?' },
          ],
        },
      ],
    })
    assert.deepEqual(textsOf(message), ['I see an image (image/png, 70 bytes).'])
  })

  test('a schema', async () => {
    const schema = {
      type: 'object',
      properties: { city: { type: 'string' } },
      required: ['city'],
      additionalProperties: false,
    }
    const message = await client.messages.create({ ...ask, output_config: { format: { type: 'json_schema', schema } } })
    assert.deepEqual(JSON.parse(textsOf(message).join('')), { city: 'Paris' })
    assert.equal(lastSent().response_format.type, 'json_schema')
  })

  test('beta.messages, whose query and headers are no hindrance', async () => {
    const message = await client.beta.messages.create({
      ...ask,
      betas: ['context-1m-2025-08-07', 'files-api-2025-04-14'],
    })
    assert.deepEqual(message.content, [{ type: 'text', text: 'You said: one two three', citations: null }])
  })

  test('counting', async () => {
    const { input_tokens: few } = await client.messages.countTokens({ model: 'auto', messages: ask.messages })
    const { input_tokens: more } = await client.beta.messages.countTokens({
      model: 'auto',
      system: 'Be brief, and kind, and correct.',
      messages: ask.messages,
      tools: [weather],
    })
    assert.ok(few > 0 && more > few, `${few}, ${more}`)
  })

  test('the models', async () => {
    const models = await Array.fromAsync(client.models.list())
    assert.deepEqual(
      models.map(({ id, type }) => [id, type]),
      [
        ['auto', 'model'],
        ['baseline', 'model'],
        ['helper', 'model'],
      ],
    )
    assert.equal((await client.models.retrieve('helper')).display_name, 'helper')
    await failure(client.models.retrieve('nobody'), NotFoundError)
  })

  test('a probe of the gateway', async () => {
    assert.equal((await fetch(String(client.baseURL), { method: 'HEAD' })).status, 200)
  })

  test('an unknown model is a NotFoundError with the known ones', async () => {
    const error = await failure(client.messages.create({ ...ask, model: 'claude-99' }), NotFoundError)
    assert.deepEqual([error.status, error.type], [404, 'not_found_error'])
    assert.match(error.message, /known ones are: auto, baseline, helper/)
    assert.ok(error.requestID)
  })

  test('a wrong field is a BadRequestError that names it', async () => {
    const content = [{ type: 'text' as const, text: 5 as never }]
    const error = await failure(
      client.messages.create({ ...ask, messages: [{ role: 'user', content }] }),
      BadRequestError,
    )
    assert.equal(error.apiMessage, 'messages[0].content[0].text: must be a string')
  })

  test('a server that is too busy is 529, which clients try again', async () => {
    server.next({ failure: { kind: 'status', status: 503, body: { error: { message: 'overloaded' } } } })
    const error = await failure(client.messages.create(asking('busy')), InternalServerError)
    assert.deepEqual([error.status, error.type], [529, 'overloaded_error'])
  })

  test('a server that limits us is a RateLimitError', async () => {
    server.next({ failure: { kind: 'status', status: 429, headers: { 'retry-after': '7' } } })
    const error = await failure(client.messages.create(asking('limited')), RateLimitError)
    assert.deepEqual([error.type, error.headers.get('retry-after')], ['rate_limit_error', '7'])
  })

  test('a conversation that is too long is told in the words that coding agents know', async () => {
    const message =
      "This model's maximum context length is 4096 tokens. However, your messages resulted in 5000 tokens."
    const error = { message, type: 'invalid_request_error', code: 'context_length_exceeded' }
    server.next({ failure: { kind: 'status', status: 400, body: { error } } })
    const refused = await failure(client.messages.create(asking('long')), BadRequestError)
    assert.match(refused.apiMessage ?? '', /^prompt is too long: /)
  })

  test('a stream that breaks off', async () => {
    server.next({ text: 'one two three', failure: { kind: 'cut', afterChunks: 2 } })
    const texts: string[] = []
    const stream = client.messages.stream(asking('cut'))
    stream.on('text', (text) => texts.push(text))
    const error = await failure(stream.finalMessage(), APIError)
    assert.equal(error.type, 'api_error')
    assert.equal(texts.join(''), 'one two')
  })

  test('aborting reaches the server', async () => {
    const hungUp = server.hangUps.length
    server.next({ text: 'one two three', failure: { kind: 'hang', afterChunks: 2 } })
    const stream = client.messages.stream(asking('aborted'))
    stream.on('text', () => stream.abort())
    await assert.rejects(stream.done(), { message: 'Request was aborted.' })
    await server.hungUp(hungUp + 1)
  })

  test('what Claude Code sends', async () => {
    const id = '3e9f1c52-7a3d-4a55-9b1e-2f6f7c1d0a11'
    const tools = Array.from({ length: 60 }, (_, index) => ({
      ...weather,
      name: index === 0 ? 'weather' : `mcp__server__tool_${index}`,
      description: 'x'.repeat(1500),
      ...(index === 59 && { cache_control: { type: 'ephemeral' as const } }),
    }))
    const system = [
      {
        type: 'text' as const,
        text: 'x-anthropic-billing-header: cc_version=2.1.88.abc; cc_entrypoint=cli; cch=1a2b3;',
      },
      { type: 'text' as const, text: 'You are a coding agent.', cache_control: { type: 'ephemeral' as const } },
    ]
    const question = {
      role: 'user' as const,
      content: [
        { type: 'text' as const, text: '<system-reminder>\nSpeak of nothing.\n</system-reminder>' },
        { type: 'text' as const, text: 'Weather?', cache_control: { type: 'ephemeral' as const } },
      ],
    }
    const body = {
      model: 'auto',
      max_tokens: 32_000,
      system,
      tools,
      thinking: { type: 'enabled' as const, budget_tokens: 31_999 },
      metadata: { user_id: JSON.stringify({ device_id: 'd', account_uuid: '', session_id: id }) },
      context_management: { edits: [{ type: 'clear_thinking_20251015' as const, keep: 'all' as const }] },
      betas: ['claude-code-20250219', 'interleaved-thinking-2025-05-14', 'context-management-2025-06-27'],
    }
    server.next({
      reasoning: 'They want the weather.',
      text: 'Looking.',
      toolCalls: [{ name: 'weather', arguments: '{"city":"Rome"}' }],
    })
    const first = await client.beta.messages.stream({ ...body, messages: [question] }).finalMessage()
    assert.deepEqual(
      first.content.map(({ type }) => type),
      ['thinking', 'text', 'tool_use'],
    )
    assert.equal(lastSent().tools.length, 60)
    assert.doesNotMatch(JSON.stringify(lastSent()), /ephemeral|context_management/)

    const call = first.content.find((block) => block.type === 'tool_use')
    const result = { type: 'tool_result' as const, tool_use_id: call?.id ?? '', content: 'sunny' }
    const second = await client.beta.messages
      .stream({
        ...body,
        messages: [question, { role: 'assistant', content: first.content }, { role: 'user', content: [result] }],
      })
      .finalMessage()
    assert.deepEqual(
      second.content.map((block) => block.type === 'text' && block.text),
      ['The tool said: sunny'],
    )
  })

  describe('through the AI SDK', () => {
    const tools = {
      weather: tool({
        description: 'd',
        inputSchema: jsonSchema<{ city: string }>(weather.input_schema),
        execute: async ({ city }: { city: string }) => `snow in ${city}`,
      }),
    }
    const model = () => createAnthropic({ baseURL: `${client.baseURL}/v1`, apiKey: 'any' })('auto')

    test('a tool loop', async () => {
      const { text, steps } = await generateText({
        model: model(),
        prompt: 'Weather?',
        tools,
        stopWhen: stepCountIs(3),
        maxRetries: 0,
        maxOutputTokens: 100,
      })
      assert.match(text, /The tool said: .*snow in Paris/)
      assert.equal(steps.length, 2)
    })

    test('a streamed one', async () => {
      const { text } = streamText({
        model: model(),
        prompt: 'Weather, now?',
        tools,
        stopWhen: stepCountIs(3),
        maxRetries: 0,
        maxOutputTokens: 100,
      })
      assert.match(await text, /The tool said: .*snow in Paris/)
    })
  })
})

describe('in front of Claude', () => {
  test('the client’s bytes pass, and Claude’s own reply comes back', async () => {
    await withClaude(async (client, claude) => {
      const big = '12345678901234567890'
      const body = `{"model":"claude","max_tokens":9,"messages":[{"role":"user","content":"Hi"}],"novelty":${big}}`
      const headers = { 'anthropic-beta': 'one-2026-01-01,two-2026-01-01', 'content-type': 'application/json' }
      const reply = await fetch(`${client.baseURL}/v1/messages?beta=true`, { method: 'POST', headers, body })
      const message = (await reply.json()) as { readonly content: unknown; readonly model: string }
      assert.deepEqual(message.content, [{ type: 'text', text: 'You said: Hi', citations: null }])

      const sent = claude.requests.at(-1)
      assert.equal(sent?.text, body.replace('"model":"claude"', '"model":"claude-test"'))
      assert.equal(sent.query, 'beta=true')
      assert.equal(sent.headers['anthropic-beta'], headers['anthropic-beta'])
    })
  })

  test('thoughts of another model are not sent there, and its own go back and forth', async () => {
    await withClaude(async (client, claude, server) => {
      const thinking = { type: 'enabled' as const, budget_tokens: 1024 }
      const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'One.' }]
      server.next({ reasoning: 'Local thought.', text: 'First.' })
      const first = await client.messages.create({ model: 'helper', max_tokens: 2048, thinking, messages })
      messages.push({ role: 'assistant', content: first.content }, { role: 'user', content: 'Two.' })
      claude.next({ reasoning: 'Signed thought.', text: 'Second.' })
      const second = await client.messages.create({ model: 'claude', max_tokens: 2048, thinking, messages })
      messages.push({ role: 'assistant', content: second.content }, { role: 'user', content: 'Three.' })
      await client.messages.stream({ model: 'claude', max_tokens: 2048, thinking, messages }).finalMessage()

      const sent = claude.requests.at(-1)?.body.messages
      assert.deepEqual(
        sent.map(({ content }: Anthropic.MessageParam) =>
          typeof content === 'string' ? content : content.map(({ type }) => type),
        ),
        ['One.', ['text'], 'Two.', ['thinking', 'text'], 'Three.'],
      )
      assert.deepEqual(sent[3].content, second.content)
    })
  })

  test('a thread that Claude holds', async () => {
    await withClaude(async (client, claude) => {
      const thread = client.beta.messages.thread({ model: 'claude', max_tokens: 100 })
      await thread.send({ role: 'user', content: 'One.' })
      const { content } = await thread.send({ role: 'user', content: 'Two.' })
      assert.deepEqual(content, [{ type: 'text', text: 'You said: Two.', citations: null }])
      assert.deepEqual(
        claude.requests.map(({ body }) => [body.thread.type, body.messages.length]),
        [
          ['create', 1],
          ['continue', 1],
        ],
      )
    })
  })
})

describe('errors of the gateway itself', () => {
  test('401: AuthenticationError, and none with the right key in either header', async () => {
    await withClient({ environment: { HYBRID_API_KEY: 'sesame' } }, async (client, gateway) => {
      const error = await failure(client.messages.create(ask), AuthenticationError)
      assert.equal(error.type, 'authentication_error')
      await client.withOptions({ apiKey: 'sesame' }).messages.create(ask)
      await client.withOptions({ apiKey: null, authToken: 'sesame' }).messages.create(ask)
      const headers = { 'anthropic-version': '2023-06-01' }
      const kinds = [
        await gateway.get('/v1/models', headers),
        await gateway.get('/v1/models'),
        await gateway.post('/v1/chat/completions', ask, headers),
      ].map((reply) => [reply.statusCode, reply.json().type])
      assert.deepEqual(kinds, [
        [401, 'error'],
        [401, undefined],
        [401, undefined],
      ])
    })
  })

  test('429: RateLimitError, with the time to wait', async () => {
    await withClient({ config: { limits: { rate: '1/hour' } } }, async (client) => {
      await client.messages.create(ask)
      const error = await failure(client.messages.create(ask), RateLimitError)
      assert.equal(error.type, 'rate_limit_error')
      assert.ok(Number(error.headers.get('retry-after')) >= 1)
    })
  })

  test('a slow model is announced by pings, which the client passes over', async () => {
    const config = { providers: { echo: { kind: 'echo', delay_ms: 30 } } }
    await withClient({ config, heartbeatMs: 1 }, async (client, gateway) => {
      assert.deepEqual(textsOf(await client.messages.stream(ask).finalMessage()), ['one two three'])
      const { body } = await gateway.post('/v1/messages', { ...ask, stream: true, temperature: 0.5 })
      assert.match(body, /^event: ping\ndata: \{"type":"ping"\}\n\n/)
    })
  })
})

function behind({ url }: StandIn<OpenaiScript>): TestGatewayOptions {
  return {
    config: {
      providers: { server: { kind: 'openai-compatible', base_url: `${url}/v1` } },
      models: {
        helper: {
          provider: 'server',
          id: 'gpt-test',
          max_complexity: 1,
          price: 'free',
          context_tokens: 1_000_000,
          max_output_tokens: 100_000,
          capabilities: ['tools', 'images', 'files', 'json-schema', 'reasoning'],
        },
      },
    },
  }
}

async function withClaude(
  work: (client: Anthropic, claude: StandIn<AnthropicScript>, server: StandIn<OpenaiScript>) => Promise<void>,
): Promise<void> {
  const server = await startOpenaiStandIn({ brain: true, apiKey: '' })
  const claude = await startAnthropicStandIn({ brain: true, checksSignatures: true })
  const { providers, models } = behind(server).config ?? {}
  const anthropic = { kind: 'anthropic', base_url: claude.url, api_key: 'env:CLAUDE_KEY' }
  const options: TestGatewayOptions = {
    config: {
      providers: { ...providers, anthropic },
      models: { ...models, claude: { provider: 'anthropic', id: 'claude-test', price: 'free' } },
    },
    environment: { CLAUDE_KEY: 'sk-ant-test-key-0123456789' },
  }
  try {
    await withClient(options, (client) => work(client, claude, server))
  } finally {
    await claude.close()
    await server.close()
  }
}

async function clientOf(gateway: TestGateway): Promise<Anthropic> {
  return new Anthropic({ baseURL: await gateway.listen(), apiKey: 'any', maxRetries: 0 })
}

async function withClient(
  options: TestGatewayOptions,
  work: (client: Anthropic, gateway: TestGateway) => Promise<void>,
): Promise<void> {
  const gateway = await openTestGateway(options)
  try {
    await work(await clientOf(gateway), gateway)
  } finally {
    await gateway.close()
  }
}

function textsOf({ content }: Anthropic.Message): readonly string[] {
  return content.flatMap((block) => (block.type === 'text' ? [block.text] : []))
}

async function failure<Fault extends APIError>(
  work: Promise<unknown>,
  kind: abstract new (...parameters: never[]) => Fault,
): Promise<Fault> {
  const error = await work.then(
    () => assert.fail('it did not fail'),
    (error: unknown) => error,
  )
  assert.ok(error instanceof kind, String(error))
  return error
}
