import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { HumanMessage, ToolMessage } from '@langchain/core/messages'
import { tool } from '@langchain/core/tools'
import { ChatOpenAI } from '@langchain/openai'
import OpenAI, { APIError, BadRequestError } from 'openai'
import { zodTextFormat } from 'openai/helpers/zod'
import type { ResponseInputItem, Response as ResponseReply, Tool } from 'openai/resources/responses/responses'
import { z } from 'zod'
import { openTestGateway, type TestGateway } from '../fixtures/gateway.ts'
import { startAnthropicStandIn } from '../fixtures/stand-ins/anthropic.ts'
import { type OpenaiScript, startOpenaiStandIn } from '../fixtures/stand-ins/openai.ts'
import type { StandIn } from '../fixtures/stand-ins/stand-in.ts'

const ask = { model: 'gpt', input: 'one two three' }
const weather: Tool = {
  type: 'function',
  name: 'weather',
  description: 'The weather in a city',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
  strict: true,
}
const applyPatch: Tool = {
  type: 'custom',
  name: 'apply_patch',
  description: 'Edits files.',
  format: { type: 'grammar', syntax: 'lark', definition: 'start: "***"' },
}
const patch = '*** Begin Patch\n+ "quoted" \\ é\n*** End Patch\n'

/** The Responses API in front of a server that knows chat completions alone. */
describe('the openai package', () => {
  let server: StandIn<OpenaiScript>
  let gateway: TestGateway
  let client: OpenAI
  before(async () => {
    server = await startOpenaiStandIn({ apiKey: '', brain: true })
    gateway = await openTestGateway({
      config: {
        providers: { cloud: { kind: 'openai-compatible', base_url: `${server.url}/v1`, dialects: [] } },
        models: {
          gpt: {
            provider: 'cloud',
            id: 'gpt-test',
            max_complexity: 1,
            price: { input: 1, output: 2 },
            context_tokens: 1_000_000,
            capabilities: ['tools', 'images', 'json-schema', 'logprobs', 'reasoning'],
          },
        },
      },
    })
    client = await clientOf(gateway)
  })
  after(async () => {
    await gateway?.close()
    await server.close()
  })

  const sent = () => server.requests.at(-1)?.body

  test('a response', async () => {
    const response = await client.responses.create({ ...ask, instructions: 'Be brief.', metadata: { a: 'b' } })
    assert.equal(response.output_text, 'You said: one two three')
    assert.deepEqual(
      [response.status, response.model, response.object, response.metadata, response.instructions],
      ['completed', 'gpt', 'response', { a: 'b' }, 'Be brief.'],
    )
    assert.ok((response.usage?.output_tokens ?? 0) > 0)
    assert.deepEqual(
      sent().messages.map(({ role }: { role: string }) => role),
      ['system', 'user'],
    )
    const row = await gateway.house.account.find(response._request_id ?? '')
    assert.deepEqual([row?.status, row?.dialect], ['answered', 'openai-responses'])
  })

  test('a stream, as events', async () => {
    const stream = await client.responses.create({ ...ask, stream: true })
    const events = await Array.fromAsync(stream)
    assert.deepEqual(
      events.map(({ sequence_number: number }) => number),
      events.map((_, index) => index),
    )
    const deltas = events.flatMap((event) => (event.type === 'response.output_text.delta' ? [event.delta] : []))
    assert.equal(deltas.join(''), 'You said: one two three')
    assert.ok(deltas.length > 1)
    assert.equal(events.at(-1)?.type, 'response.completed')
  })

  test('the stream helper', async () => {
    const stream = client.responses.stream(ask)
    let snapshot = ''
    stream.on('response.output_text.delta', (event) => {
      snapshot = event.snapshot
    })
    const response = await stream.finalResponse()
    assert.deepEqual([response.output_text, snapshot], ['You said: one two three', 'You said: one two three'])
    assert.equal(response.status, 'completed')
  })

  test('the parse helper, whole and streamed', async () => {
    const format = zodTextFormat(z.object({ city: z.string(), population: z.number() }), 'place')
    const asked = { ...ask, text: { format } }
    const whole = await client.responses.parse(asked)
    const streamed = await client.responses.stream(asked).finalResponse()
    assert.equal(typeof whole.output_parsed?.population, 'number')
    assert.deepEqual(streamed.output_parsed, whole.output_parsed)
    assert.equal(sent().response_format.json_schema.name, 'place')
  })

  for (const streamed of [false, true]) {
    const answer = (input: readonly ResponseInputItem[], tools: readonly Tool[]): Promise<ResponseReply> => {
      const body = { model: 'gpt', input: [...input], tools: [...tools], store: false }
      return streamed ? client.responses.stream(body).finalResponse() : client.responses.create(body)
    }
    const form = streamed ? 'streamed' : 'whole'

    test(`a loop of a function, ${form}`, async () => {
      const input: ResponseInputItem[] = [{ role: 'user', content: 'How is the weather in Paris?' }]
      const first = await answer(input, [weather])
      const [call] = first.output.filter((item) => item.type === 'function_call')
      assert.deepEqual([call?.name, JSON.parse(call?.arguments ?? '')], ['weather', { city: 'Paris' }])
      input.push(...sentBack(first.output), {
        type: 'function_call_output',
        call_id: call?.call_id ?? '',
        output: '21 degrees',
      })
      const second = await answer(input, [weather])
      assert.equal(second.output_text, 'The tool said: 21 degrees')
    })

    test(`a loop of a tool that takes free text, ${form}`, async () => {
      server.next({ toolCalls: [{ id: 'call_p', name: 'apply_patch', arguments: JSON.stringify({ input: patch }) }] })
      const input: ResponseInputItem[] = [{ role: 'user', content: 'Patch it' }]
      const first = await answer(input, [applyPatch])
      const [call] = first.output
      assert.deepEqual(call?.type === 'custom_tool_call' && [call.name, call.input, call.call_id], [
        'apply_patch',
        patch,
        'call_p',
      ])
      assert.match(JSON.stringify(sent().tools), /lark grammar/)
      input.push(...sentBack(first.output), { type: 'custom_tool_call_output', call_id: 'call_p', output: 'Done' })
      const second = await answer(input, [applyPatch])
      assert.equal(second.output_text, 'The tool said: Done')
      const [made] = sent().messages.flatMap((message: { tool_calls?: object[] }) => message.tool_calls ?? [])
      assert.deepEqual(JSON.parse(made.function.arguments), { input: patch })
    })

    test(`thoughts and parallel calls, ${form}`, async () => {
      const toolCalls = [
        { id: 'call_a', name: 'weather', arguments: '{"city":"Rome"}' },
        { id: 'call_b', name: 'weather', arguments: '{"city":"Oslo"}' },
      ]
      server.next({ reasoning: 'Two cities, two calls.', toolCalls })
      const { output } = await answer([{ role: 'user', content: 'Rome and Oslo?' }], [weather])
      assert.deepEqual(
        output.map(({ type }) => type),
        ['reasoning', 'function_call', 'function_call'],
      )
      const [thought, ...calls] = output
      assert.equal(thought?.type === 'reasoning' && thought.summary[0]?.text, 'Two cities, two calls.')
      assert.deepEqual(
        calls.map((call) => call.type === 'function_call' && [call.call_id, call.arguments]),
        toolCalls.map((call) => [call.id, call.arguments]),
      )
    })
  }

  test('an image', async () => {
    const response = await client.responses.create({
      model: 'gpt',
      input: [
        {
          role: 'user',
          content: [{ type: 'input_image', image_url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'auto' }],
        },
      ],
    })
    assert.equal(response.output_text, 'I see an image (image/png, 8 bytes).')
  })

  test('probabilities of tokens', async () => {
    const include = ['message.output_text.logprobs' as const]
    const { output } = await client.responses.create({ ...ask, include, top_logprobs: 2 })
    const [item] = output
    const content = item?.type === 'message' ? item.content[0] : undefined
    const logprobs = content?.type === 'output_text' ? content.logprobs : undefined
    assert.deepEqual(logprobs?.map(({ token }) => token).join(''), 'You said: one two three')
    assert.equal(logprobs?.[0]?.top_logprobs.length, 2)
  })

  test('a reply that was cut says so', async () => {
    server.next({ text: 'one two', finishReason: 'length' })
    const response = await client.responses.create(ask)
    assert.deepEqual([response.status, response.incomplete_details?.reason], ['incomplete', 'max_output_tokens'])
    server.next({ text: 'one two', finishReason: 'length' })
    const streamed = await client.responses.stream(ask).finalResponse()
    assert.deepEqual([streamed.status, streamed.output_text], ['incomplete', 'one two'])
  })

  test('what is kept nowhere is refused, with the way out', async () => {
    const cached = { headers: { 'cache-control': null } }
    await client.responses.create(ask, cached)
    const refused = client.responses.create({ ...ask, previous_response_id: 'resp_1' }, cached)
    await assert.rejects(refused, (error) => {
      assert.ok(error instanceof BadRequestError)
      assert.deepEqual([error.param, error.code], ['previous_response_id', 'unsupported'])
      assert.match(error.message, /send the whole conversation as input/)
      return true
    })
  })

  test('an error within a stream is thrown where the stream is read', async () => {
    const error = { message: 'exploded', type: 'server_error', param: null, code: null }
    for (const read of [
      async () => Array.fromAsync(await client.responses.create({ ...ask, stream: true })),
      () => client.responses.stream(ask).finalResponse(),
    ]) {
      server.next({ text: 'one two three', failure: { kind: 'error-event', afterChunks: 2, error } })
      await assert.rejects(read, (thrown) => thrown instanceof APIError && thrown.code === 'upstream_failed')
    }
  })

  test('the size of a prompt', async () => {
    const { input_tokens: tokens, object } = await client.responses.inputTokens.count(ask)
    assert.deepEqual([tokens > 0, object], [true, 'response.input_tokens'])
  })

  test('what a coding agent sends works on a model of another API', async () => {
    const body = {
      model: 'gpt',
      instructions: 'You are a coding agent.',
      input: [
        { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'Sandboxed.' }] },
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'List the files' }] },
        { type: 'reasoning', summary: [], content: null, encrypted_content: 'gAAAAABo' },
        { type: 'function_call', name: 'shell', arguments: '{"command":["ls"]}', call_id: 'call_1' },
        { type: 'function_call_output', call_id: 'call_1', output: '{"output":"a.txt","metadata":{"exit_code":0}}' },
      ],
      tools: [
        {
          type: 'function',
          name: 'shell',
          description: '',
          strict: false,
          parameters: { type: 'object', properties: {} },
        },
        applyPatch,
        { type: 'local_shell' },
        { type: 'web_search', external_web_access: false },
      ],
      tool_choice: 'auto',
      parallel_tool_calls: true,
      reasoning: { effort: 'medium', summary: 'auto' },
      text: { verbosity: 'low' },
      store: false,
      stream: true,
      include: ['reasoning.encrypted_content'],
      prompt_cache_key: '0199',
      client_metadata: { installation: 'x' },
    }
    const reply = await gateway.post('/v1/responses', body, { session_id: '0199', 'cache-control': 'no-store' })
    assert.equal(reply.statusCode, 200, reply.body)
    assert.match(reply.body, /event: response\.completed\n/)
    assert.match(reply.body, /"text":"The tool said: \{\\"output\\"/)
    assert.deepEqual(
      sent().tools.map((tool: { function: { name: string } }) => tool.function.name),
      ['shell', 'apply_patch'],
    )
    assert.match(String(reply.headers['x-hybrid-warning']), /'local_shell', 'web_search'/)
  })

  for (const streaming of [false, true]) {
    test(`LangChain, ${streaming ? 'streamed' : 'whole'}`, async () => {
      const lookup = tool(async ({ city }) => `rain in ${city}`, {
        name: 'weather',
        description: 'The weather in a city',
        schema: z.object({ city: z.string() }),
      })
      const model = new ChatOpenAI({
        model: 'gpt',
        apiKey: 'any',
        useResponsesApi: true,
        zdrEnabled: true,
        streaming,
        configuration: { baseURL: client.baseURL, defaultHeaders: { 'cache-control': 'no-store' } },
      }).bindTools([lookup])
      const question = new HumanMessage('How is the weather in Paris?')
      const calling = await model.invoke([question])
      const [call] = calling.tool_calls ?? []
      assert.deepEqual([call?.name, call?.args], ['weather', { city: 'Paris' }])
      const content = await lookup.invoke({ city: String(call?.args.city) })
      const result = new ToolMessage({ content, tool_call_id: call?.id ?? '' })
      const answer = await model.invoke([question, calling, result])
      assert.equal(answer.text, 'The tool said: rain in Paris')
    })
  }
})

test('signed thoughts of Claude survive a tool loop', async (t) => {
  const server = await startAnthropicStandIn()
  t.after(() => server.close())
  const gateway = await openTestGateway({
    environment: { CLAUDE_KEY: 'sk-ant-test-key-0123456789' },
    config: {
      providers: { claude: { kind: 'anthropic', base_url: server.url, api_key: 'env:CLAUDE_KEY' } },
      models: { claude: { provider: 'claude', id: 'claude-test', max_complexity: 1, price: { input: 1, output: 2 } } },
    },
  })
  t.after(() => gateway.close())
  const client = await clientOf(gateway)
  const input: ResponseInputItem[] = [{ role: 'user', content: 'Weather?' }]
  const body = { model: 'claude', tools: [weather], reasoning: { effort: 'low' as const }, store: false }
  server.next({
    reasoning: 'I must look.',
    toolCalls: [{ id: 'toolu_1', name: 'weather', arguments: '{"city":"Paris"}' }],
  })
  const { output } = await client.responses.stream({ ...body, input }).finalResponse()
  assert.deepEqual(
    output.map(({ type }) => type),
    ['reasoning', 'function_call'],
  )
  input.push(...sentBack(output), { type: 'function_call_output', call_id: 'toolu_1', output: 'sunny' })
  server.next({ text: 'It is sunny.' })
  const last = await client.responses.create({ ...body, input })
  assert.equal(last.output_text, 'It is sunny.')
  const [, assistant] = server.requests.at(-1)?.body.messages ?? []
  const [thinking] = assistant.content
  assert.deepEqual([thinking.type, thinking.thinking], ['thinking', 'I must look.'])
  assert.ok(thinking.signature.length > 0)
})

test('a server that speaks this API itself gets the request, and the client its reply, as they are', async (t) => {
  const server = await startOpenaiStandIn({ apiKey: '', brain: true })
  t.after(() => server.close())
  const gateway = await openTestGateway({
    config: {
      providers: {
        cloud: { kind: 'openai-compatible', base_url: `${server.url}/v1`, dialects: ['openai-responses'] },
      },
      models: { gpt: { provider: 'cloud', id: 'gpt-test', max_complexity: 1, price: { input: 1, output: 2 } } },
    },
  })
  t.after(() => gateway.close())
  const client = await clientOf(gateway)
  const first = await client.responses.create(ask)
  const next = { ...ask, previous_response_id: first.id, tools: [{ type: 'web_search' as const }] }
  const second = await client.responses.create(next)
  const { path, body } = server.requests.at(-1) ?? {}
  assert.deepEqual([path, body], ['/v1/responses', { ...next, model: 'gpt-test' }])
  assert.match(second.output_text, /one two three/)
  const streamed = await client.responses.stream(ask).finalResponse()
  assert.match(streamed.output_text, /one two three/)
})

/** Each item goes back as it came; the types of the package know fewer to send than to get. */
function sentBack(output: ResponseReply['output']): readonly ResponseInputItem[] {
  return output as readonly object[] as readonly ResponseInputItem[]
}

async function clientOf(gateway: TestGateway): Promise<OpenAI> {
  // Equal requests are asked whole and streamed: no answer may stand in for another.
  const defaultHeaders = { 'cache-control': 'no-store' }
  return new OpenAI({ baseURL: `${await gateway.listen()}/v1`, apiKey: 'any', maxRetries: 0, defaultHeaders })
}
