import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type AnthropicScript, startAnthropicStandIn } from '../../test/fixtures/stand-ins/anthropic.ts'
import { card, chat, collect, never, openProvider } from '../../test/fixtures/stand-ins/calls.ts'
import type { ContentPart } from '../core/content.ts'
import type { ModelCard } from '../core/model.ts'
import type { ChatRequest, Message } from '../core/request.ts'
import type { FunctionTool } from '../core/tools.ts'
import { anthropic } from '../providers/anthropic.ts'

const sonnet45 = card({ name: 'claude', id: 'claude-sonnet-4-5', maxOutputTokens: 64_000 })

async function start(context: TestContext, script?: AnthropicScript) {
  const server = await startAnthropicStandIn(script === undefined ? {} : { script })
  const provider = openProvider(anthropic, { api_key: 'sk-ant-test-key-0123456789', base_url: server.url })
  context.after(async () => {
    await provider.close()
    await server.close()
  })
  return { server, provider }
}

const text = (value: string): ContentPart => ({ type: 'text', text: value })
const message = (role: Message['role'], ...content: ContentPart[]): Message => ({ role, content })
const call = (id: string, json = '{}'): ContentPart => ({ type: 'tool-call', id, name: 'weather', arguments: json })
const result = (callId: string, ...content: Extract<ContentPart, { type: 'tool-result' }>['content']): ContentPart => ({
  type: 'tool-result',
  callId,
  name: '',
  content,
  isError: false,
})
const weather: FunctionTool = {
  type: 'function',
  name: 'weather',
  description: 'Tells the weather.',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}
const image = { type: 'image', source: { kind: 'data', mediaType: 'image/png', data: 'aW1n' } } as const
const schema = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] }
const unions = (count: number) => ({
  type: 'object',
  properties: Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`p${index}`, { type: ['string', 'null'] }]),
  ),
  required: Array.from({ length: count }, (_, index) => `p${index}`),
  additionalProperties: false,
})
const toolBody = { name: 'weather', description: 'Tells the weather.', input_schema: weather.parameters }
const loop = [message('user', text('Go')), message('assistant', call('a')), message('tool', result('a', textPart('1')))]

function textPart(value: string) {
  return { type: 'text', text: value } as const
}

const cases: {
  name: string
  request: Partial<ChatRequest>
  model?: Partial<ModelCard>
  expected: Record<string, unknown>
  warnings?: RegExp[]
}[] = [
  { name: 'tools', request: { tools: [weather] }, expected: { tools: [toolBody], tool_choice: undefined } },
  {
    name: 'one call at a time',
    request: { tools: [weather], parallelToolCalls: false },
    expected: { tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
  },
  {
    name: 'no call',
    request: { tools: [weather], toolChoice: { type: 'none' } },
    expected: { tool_choice: { type: 'none' }, tools: [toolBody] },
  },
  {
    name: 'any call',
    request: { tools: [weather], toolChoice: { type: 'required' } },
    expected: { tool_choice: { type: 'any' } },
  },
  {
    name: 'this call, by a model that thinks by default',
    request: { tools: [weather], toolChoice: { type: 'tool', name: 'weather' } },
    model: { id: 'claude-sonnet-5' },
    expected: { tool_choice: { type: 'tool', name: 'weather' }, thinking: { type: 'disabled' } },
  },
  {
    name: 'this call, by a model that cannot be forced',
    request: { tools: [weather], toolChoice: { type: 'tool', name: 'weather' } },
    model: { id: 'claude-opus-5-5' },
    expected: { tool_choice: { type: 'auto' }, thinking: undefined, system: 'Call the tool weather now.' },
    warnings: [/cannot be made to call a tool/],
  },
  {
    name: 'a call that is demanded from a model that shall think',
    request: { tools: [weather], toolChoice: { type: 'required' }, reasoning: { enabled: true } },
    expected: { tool_choice: { type: 'any' }, thinking: undefined },
    warnings: [/does not think in this call: it is made to call a tool/],
  },
  {
    name: 'a strict tool',
    request: { tools: [{ ...weather, strict: true }] },
    expected: {
      tools: [{ ...toolBody, input_schema: { ...weather.parameters, additionalProperties: false }, strict: true }],
    },
  },
  {
    name: 'strict tools that together have more unions than a request may',
    request: {
      responseFormat: { type: 'json-schema', name: 'reply', schema: unions(9), strict: true },
      tools: [
        { type: 'function', name: 'many', parameters: unions(9), strict: true },
        { type: 'function', name: 'few', parameters: unions(7), strict: true },
      ],
    },
    expected: {
      tools: [
        { name: 'many', input_schema: unions(9) },
        { name: 'few', input_schema: unions(7), strict: true },
      ],
    },
    warnings: [/cannot be strict about many: left out/],
  },
  {
    name: 'a tool whose schema cannot be strict',
    request: { tools: [{ type: 'function', name: 'any', parameters: { type: 'object' }, strict: true }] },
    expected: { tools: [{ name: 'any', input_schema: { type: 'object' } }] },
    warnings: [/cannot be strict about any: left out/],
  },
  {
    name: 'a tool loop, with ids of other vendors, large numbers and images',
    request: {
      messages: [
        message('user', text('Go')),
        message(
          'assistant',
          text('Well'),
          call('functions.weather:0', '{"n":12345678901234567890}'),
          call('b', 'broken'),
        ),
        message('tool', result('functions.weather:0', textPart('Sun'), image), result('b')),
        message('user', text('And?')),
      ],
    },
    expected: {
      messages: [
        { role: 'user', content: [text('Go')] },
        {
          role: 'assistant',
          content: [
            text('Well'),
            {
              type: 'tool_use',
              id: 'functions_weather_0_c8cf4471',
              name: 'weather',
              input: { n: Number('12345678901234567890') },
            },
            { type: 'tool_use', id: 'b', name: 'weather', input: { arguments: 'broken' } },
          ],
        },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 'functions_weather_0_c8cf4471',
              content: [
                text('Sun'),
                { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aW1n' } },
              ],
            },
            { type: 'tool_result', tool_use_id: 'b' },
            text('And?'),
          ],
        },
      ],
    },
  },
  {
    name: 'images and files',
    request: {
      messages: [
        message(
          'user',
          { type: 'image', source: { kind: 'url', url: 'https://example.com/a.png' } },
          { type: 'file', source: { kind: 'data', mediaType: 'application/pdf', data: 'cGRm' }, name: 'a.pdf' },
          { type: 'file', source: { kind: 'data', mediaType: 'text/csv', data: 'YSxi' } },
          { type: 'file', source: { kind: 'data', mediaType: 'audio/wav', data: 'd2F2' } },
        ),
      ],
    },
    expected: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } },
            {
              type: 'document',
              source: { type: 'base64', media_type: 'application/pdf', data: 'cGRm' },
              title: 'a.pdf',
            },
            { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'a,b' } },
          ],
        },
      ],
    },
    warnings: [/takes no audio\/wav files: left out/],
  },
  {
    name: 'marks of the prompt cache',
    request: {
      messages: [
        message('system', { type: 'text', text: 'Be brief.', cacheMark: { type: 'ephemeral', ttl: '1h' } }),
        message('user', text('Hi')),
      ],
    },
    expected: { system: [{ ...text('Be brief.'), cache_control: { type: 'ephemeral', ttl: '1h' } }] },
  },
  { name: 'the user', request: { user: 'u-1' }, expected: { metadata: { user_id: 'u-1' } } },
  { name: 'top_k', request: { topK: 5 }, expected: { top_k: 5 } },
  {
    name: 'a schema',
    request: { responseFormat: { type: 'json-schema', name: 'a', schema } },
    expected: {
      output_config: { format: { type: 'json_schema', schema: { ...schema, additionalProperties: false } } },
      system: undefined,
    },
  },
  {
    name: 'a schema that cannot be enforced',
    request: { responseFormat: { type: 'json-schema', name: 'a', schema: { type: 'object' } } },
    expected: { output_config: undefined },
    warnings: [/cannot be held to this response_format/],
  },
  { name: 'any JSON', request: { responseFormat: { type: 'json' } }, expected: { output_config: undefined } },
  {
    name: 'thinking by budget, beside the reply where nobody set a limit',
    request: { reasoning: { enabled: true, effort: 'high' } },
    expected: { thinking: { type: 'enabled', budget_tokens: 16_384 }, max_tokens: 32_384 },
  },
  {
    name: 'thinking by budget, within the limit',
    request: { reasoning: { enabled: true, budgetTokens: 10_000 }, maxTokens: 5000 },
    expected: { thinking: { type: 'enabled', budget_tokens: 4000 }, max_tokens: 5000 },
    warnings: [/thinks with 4000 tokens at most within its limit of 5000/],
  },
  {
    name: 'a budget below the least',
    request: { reasoning: { enabled: true, budgetTokens: 500 }, maxTokens: 2000 },
    expected: { thinking: { type: 'enabled', budget_tokens: 1024 } },
  },
  {
    name: 'a limit without room for thinking',
    request: { reasoning: { enabled: true }, maxTokens: 1000 },
    expected: { thinking: undefined, max_tokens: 1000 },
    warnings: [/leaves no room/],
  },
  {
    name: 'thinking allows no temperature',
    request: { reasoning: { enabled: true }, temperature: 0.5 },
    expected: { temperature: undefined },
    warnings: [/does not accept temperature while it thinks/],
  },
  {
    name: 'adaptive thinking, by effort',
    request: { reasoning: { enabled: true, effort: 'xhigh' } },
    model: { id: 'claude-opus-4-6' },
    expected: { thinking: { type: 'adaptive' }, output_config: { effort: 'high' } },
    warnings: [/knows no reasoning effort 'xhigh': it became 'high'/],
  },
  {
    name: 'adaptive thinking, by budget, shown',
    request: { reasoning: { enabled: true, budgetTokens: 2000 } },
    model: { id: 'claude-sonnet-5-5' },
    expected: { thinking: { type: 'adaptive', display: 'summarized' }, output_config: { effort: 'low' } },
  },
  {
    name: 'no thinking, please',
    request: { reasoning: { enabled: false } },
    model: { id: 'claude-sonnet-5-5' },
    expected: { thinking: { type: 'between_tools' } },
  },
  {
    name: 'no thinking, please, of a model that always does',
    request: { reasoning: { enabled: false } },
    model: { id: 'claude-fable-5-1' },
    expected: { thinking: undefined, output_config: { effort: 'low' } },
    warnings: [/always thinks/],
  },
  {
    name: 'no thinking of a model that never does',
    request: { reasoning: { enabled: true } },
    model: { id: 'claude-3-5-haiku-20241022' },
    expected: { thinking: undefined },
    warnings: [/cannot think/],
  },
  {
    name: 'a tool loop whose thoughts are lost',
    request: { messages: loop, tools: [weather], reasoning: { enabled: true } },
    expected: { thinking: undefined },
    warnings: [/does not think in this call: the thoughts before its tool calls/],
  },
  {
    name: 'thoughts come back with their signature, and only so',
    request: {
      reasoning: { enabled: true },
      messages: [
        message('user', text('Go')),
        message(
          'assistant',
          { type: 'reasoning', text: 'Unsigned.' },
          { type: 'reasoning', text: 'Signed.', signature: 'c2ln' },
          { type: 'reasoning', text: '', redacted: 'cmVk' },
          { type: 'reasoning', text: 'Of OpenAI.', signature: 'gAAAAABo' },
          call('a'),
        ),
        message('tool', result('a', textPart('1'))),
      ],
    },
    expected: {
      thinking: { type: 'enabled', budget_tokens: 8192 },
      messages: [
        { role: 'user', content: [text('Go')] },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'Signed.', signature: 'c2ln' },
            { type: 'redacted_thinking', data: 'cmVk' },
            { type: 'tool_use', id: 'a', name: 'weather', input: {} },
          ],
        },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: [text('1')] }] },
      ],
    },
  },
  {
    name: 'a prefill where the model continues one',
    request: { messages: [message('user', text('Go')), message('assistant', text('So:'))] },
    expected: {
      messages: [
        { role: 'user', content: [text('Go')] },
        { role: 'assistant', content: [text('So:')] },
      ],
    },
  },
  {
    name: 'a prefill where it does not',
    request: { messages: [message('user', text('Go')), message('assistant', text('So:'))] },
    model: { id: 'claude-opus-4-6' },
    expected: {
      messages: [
        { role: 'user', content: [text('Go')] },
        { role: 'assistant', content: [text('So:')] },
        { role: 'user', content: [text('Go on.')] },
      ],
    },
    warnings: [/does not continue a message of the assistant/],
  },
  {
    name: 'log-probabilities',
    request: { logprobs: { top: 2 } },
    model: { capabilities: ['tools'] },
    expected: { logprobs: undefined },
    warnings: [/tells no 'logprobs'/],
  },
]

for (const { name, request, model, expected, warnings = [] } of cases) {
  test(`translation: ${name}`, async (context) => {
    const { server, provider } = await start(context)
    const call = { request: chat('Hi', request), model: { ...sonnet45, ...model } }
    const reply = await collect(provider.send(call, never))
    assert.equal(reply.error, undefined)
    const sent = server.requests[0]
    const { body } = sent ?? {}
    for (const [field, value] of Object.entries(expected)) assert.deepEqual(body[field], value, field)
    assert.equal(reply.warnings.length, warnings.length, reply.warnings.join())
    for (const [index, warning] of warnings.entries()) assert.match(reply.warnings[index] ?? '', warning)
  })
}

test('numbers in arguments are sent as they were written', async (context) => {
  const { server, provider } = await start(context)
  const messages = [message('user', text('Go')), message('assistant', call('a', '{"n":12345678901234567890,"m":1.50}'))]
  await collect(provider.send({ request: chat('', { messages }), model: sonnet45 }, never))
  assert.match(server.requests[0]?.text ?? '', /"input":\{"n":12345678901234567890,"m":1.50\}/)
})

test('system messages within the conversation stay where the model takes them', async (context) => {
  const { server, provider } = await start(context)
  const messages = [
    message('system', text('Top.')),
    message('user', text('a')),
    message('assistant', text('b')),
    message('system', text('Now in French.')),
    message('user', text('c')),
    message('assistant', text('d')),
    message('user', text('e')),
    message('system', text('And loud.')),
  ]
  await collect(provider.send({ request: chat('', { messages }), model: { ...sonnet45, id: 'claude-opus-5' } }, never))
  const { system, messages: sent } = server.requests[0]?.body ?? {}
  assert.equal(system, 'Top.')
  assert.deepEqual(
    sent.map(({ role, content }: { role: string; content: { text: string }[] }) => [role, content[0]?.text]),
    [
      ['user', 'a'],
      ['assistant', 'b'],
      ['user', 'c'],
      ['system', 'Now in French.'],
      ['assistant', 'd'],
      ['user', 'e'],
      ['system', 'And loud.'],
    ],
  )
})

test('thoughts that are bound to their conversation are dropped, not refused, where it changed', async (context) => {
  const { server, provider } = await start(context)
  const messages = [
    message('user', text('a')),
    message('assistant', { type: 'reasoning', text: 'Hm', signature: 'c2ln' }, text('b')),
    message('user', text('c')),
  ]
  await collect(
    provider.send({ request: chat('', { messages }), model: { ...sonnet45, id: 'claude-opus-5-5' } }, never),
  )
  const sent = server.requests[0]
  assert.match(String(sent?.headers['anthropic-beta']), /thinking-binding-controls/)
  assert.deepEqual(sent?.body.thinking, {
    type: 'adaptive',
    block_binding: { prefix_mismatch_behavior: 'drop_block' },
  })
})

test('a reply with thoughts, text and calls', async (context) => {
  const { provider } = await start(context, {
    text: 'Let me see.',
    reasoning: 'A city, then.',
    signature: 'c2lnbmVk',
    redactedThinking: 'cmVkYWN0ZWQ=',
    toolCalls: [
      { id: 'toolu_1', name: 'weather', arguments: '{"city":"Paris","n":12345678901234567890}' },
      { id: 'toolu_2', name: 'time', arguments: '{}' },
    ],
  })
  const reply = await collect(provider.send({ request: chat('Hi', { tools: [weather] }), model: sonnet45 }, never))
  assert.equal(reply.text, 'Let me see.')
  assert.equal(reply.reasoning, 'A city, then.')
  assert.deepEqual(reply.toolCalls, [
    { id: 'toolu_1', name: 'weather', arguments: '{"city":"Paris","n":12345678901234567890}' },
    { id: 'toolu_2', name: 'time', arguments: '' },
  ])
  const kinds = reply.parts.filter(({ type }) => type.startsWith('reasoning-') && type !== 'reasoning-delta')
  assert.deepEqual(kinds, [
    { type: 'reasoning-signature', signature: 'c2lnbmVk' },
    { type: 'reasoning-redacted', data: 'cmVkYWN0ZWQ=' },
  ])
  assert.equal(reply.finish?.reason, 'tool-calls')
  assert.equal(reply.native, undefined)
})

test('what only the native form can carry is told', async (context) => {
  const { provider } = await start(context, {
    text: 'Found.',
    citations: [{ type: 'char_location' }],
    blocks: [{ type: 'server_tool_use', id: 'srv_1', name: 'web_search', input: { query: 'x' } }],
    stopSequence: 'END',
  })
  const reply = await collect(provider.send({ request: chat('Hi'), model: sonnet45 }, never))
  const kinds = reply.parts.flatMap((part) => (part.type === 'opaque' ? [part.kind] : []))
  assert.deepEqual(kinds, ['server_tool_use', 'citations_delta'])
  assert.deepEqual(reply.toolCalls, [])
  assert.equal(reply.finish?.stopSequence, 'END')
})

test('tokens are counted by the vendor', async (context) => {
  const { server, provider } = await start(context)
  const request = chat('Hi', { tools: [weather], temperature: 0.5, user: 'u' })
  const count = await provider.countTokens?.({ request, model: sonnet45 }, never)
  assert.ok(typeof count === 'number' && count > 0)
  assert.equal(server.requests[0]?.path, '/v1/messages/count_tokens')
  assert.deepEqual(Object.keys(server.requests[0]?.body), ['model', 'messages', 'tools'])
})
