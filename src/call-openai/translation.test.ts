import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { z } from 'zod'
import { card, chat, collect, never, openProvider } from '../../test/fixtures/stand-ins/calls.ts'
import { type OpenaiScript, startOpenaiStandIn } from '../../test/fixtures/stand-ins/openai.ts'
import type { ContentPart } from '../core/content.ts'
import type { ModelCard } from '../core/model.ts'
import type { ChatRequest, Message } from '../core/request.ts'
import type { FunctionTool } from '../core/tools.ts'
import { openaiCompatible } from '../providers/openai-compatible.ts'
import { chatReader } from './reply.ts'

type Options = z.input<typeof openaiCompatible.options>

const gpt = card({ name: 'gpt', id: 'gpt-test' })

async function start(context: TestContext, script?: OpenaiScript, options: Options = {}) {
  const server = await startOpenaiStandIn(script === undefined ? {} : { script })
  const provider = openProvider(openaiCompatible, {
    api_key: 'sk-test-key-0123456789',
    base_url: `${server.url}/v1`,
    ...options,
  })
  context.after(async () => {
    await provider.close()
    await server.close()
  })
  return { server, provider }
}

const text = (value: string) => ({ type: 'text', text: value }) as const
const message = (role: Message['role'], ...content: ContentPart[]): Message => ({ role, content })
const call = (id: string, json = '{}'): ContentPart => ({ type: 'tool-call', id, name: 'weather', arguments: json })
const result = (callId: string, ...content: Extract<ContentPart, { type: 'tool-result' }>['content']): ContentPart => ({
  type: 'tool-result',
  callId,
  name: '',
  content,
  isError: false,
})
const image = {
  type: 'image',
  source: { kind: 'data', mediaType: 'image/png', data: 'aW1n' },
  detail: 'original',
} as const
const imagePiece = { type: 'image_url', image_url: { url: 'data:image/png;base64,aW1n', detail: 'high' } }
const parameters = { type: 'object', properties: { city: { type: 'string' } } }
const weather: FunctionTool = { type: 'function', name: 'weather', description: 'Tells.', parameters }
const closed = { ...parameters, required: ['city'], additionalProperties: false }
const toolBody = { type: 'function', function: { name: 'weather', description: 'Tells.', parameters } }
const longId = 'x'.repeat(41)

const cases: {
  name: string
  options?: Options
  request: Partial<ChatRequest>
  model?: Partial<ModelCard>
  expected: Record<string, unknown>
  warnings?: RegExp[]
}[] = [
  {
    name: 'tools, and how they may be called',
    request: { tools: [weather], toolChoice: { type: 'tool', name: 'weather' }, parallelToolCalls: false },
    expected: {
      tools: [toolBody],
      tool_choice: { type: 'function', function: { name: 'weather' } },
      parallel_tool_calls: false,
    },
  },
  {
    name: 'a call is demanded',
    request: { tools: [weather], toolChoice: { type: 'required' } },
    expected: { tool_choice: 'required', parallel_tool_calls: undefined },
  },
  {
    name: 'strict tools, where the schema allows it',
    request: {
      tools: [
        { ...weather, parameters: closed, strict: true },
        { ...weather, name: 'open', strict: true },
      ],
    },
    expected: {
      tools: [
        { type: 'function', function: { ...toolBody.function, parameters: closed, strict: true } },
        { type: 'function', function: { ...toolBody.function, name: 'open' } },
      ],
    },
    warnings: [/cannot be strict about open: left out/],
  },
  {
    name: 'a tool loop; thoughts are not sent back, numbers stay as they were',
    request: {
      messages: [
        message('system', text('Be brief.'), text('Be kind.')),
        message('user', text('Go')),
        message(
          'assistant',
          { type: 'reasoning', text: 'Hm.' },
          call('a', '{"n":12345678901234567890}'),
          call(longId, ''),
        ),
        message('tool', result('a', text('Sun'), image)),
        message('tool', result(longId, text('Rain'))),
        message('system', text('Now.')),
      ],
    },
    expected: {
      messages: [
        { role: 'system', content: 'Be brief.\n\nBe kind.' },
        { role: 'user', content: 'Go' },
        {
          role: 'assistant',
          content: null,
          tool_calls: [
            { id: 'a', type: 'function', function: { name: 'weather', arguments: '{"n":12345678901234567890}' } },
            { id: 'call_3164596df4fdd018b2c567ec', type: 'function', function: { name: 'weather', arguments: '{}' } },
          ],
        },
        { role: 'tool', tool_call_id: 'a', content: 'Sun' },
        { role: 'tool', tool_call_id: 'call_3164596df4fdd018b2c567ec', content: 'Rain' },
        { role: 'user', content: [{ type: 'text', text: 'From the tool weather:' }, imagePiece] },
        { role: 'system', content: 'Now.' },
      ],
    },
    warnings: [/takes text alone from tools/],
  },
  {
    name: 'DeepSeek wants its thoughts back',
    options: { preset: 'deepseek' },
    request: {
      messages: [
        message('user', text('Go')),
        message('assistant', { type: 'reasoning', text: 'Hm.' }, call('a')),
        message('tool', result('a')),
        message('assistant', call('b')),
        message('tool', result('b')),
      ],
    },
    expected: {
      messages: [
        { role: 'user', content: 'Go' },
        {
          role: 'assistant',
          content: null,
          reasoning_content: 'Hm.',
          tool_calls: [{ id: 'a', type: 'function', function: { name: 'weather', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'a', content: '' },
        {
          role: 'assistant',
          content: null,
          reasoning_content: '',
          tool_calls: [{ id: 'b', type: 'function', function: { name: 'weather', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'b', content: '' },
      ],
    },
  },
  {
    name: 'images, texts and files',
    request: {
      messages: [
        message(
          'user',
          text('Look'),
          image,
          { type: 'file', source: { kind: 'data', mediaType: 'application/pdf', data: 'cGRm' }, name: 'a.pdf' },
          { type: 'file', source: { kind: 'data', mediaType: 'audio/x-wav', data: 'd2F2' } },
          { type: 'file', source: { kind: 'url', url: 'https://example.com/a.pdf' } },
        ),
      ],
    },
    expected: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Look' },
            imagePiece,
            { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,cGRm' } },
            { type: 'input_audio', input_audio: { data: 'd2F2', format: 'wav' } },
          ],
        },
      ],
    },
    warnings: [/takes no files by their URL/],
  },
  {
    name: 'a schema',
    request: { responseFormat: { type: 'json-schema', name: 'a b', description: 'D.', schema: closed, strict: true } },
    expected: {
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'a_b', description: 'D.', schema: closed, strict: true },
      },
    },
  },
  {
    name: 'a schema that strict modes refuse',
    request: { responseFormat: { type: 'json-schema', name: 'a', schema: parameters, strict: true } },
    expected: {
      response_format: { type: 'json_schema', json_schema: { name: 'a', schema: parameters, strict: false } },
    },
  },
  {
    name: 'a schema for DeepSeek, in words',
    options: { preset: 'deepseek' },
    request: { responseFormat: { type: 'json-schema', name: 'a', schema: closed } },
    expected: { response_format: { type: 'json_object' } },
    warnings: [/told the response_format in words/],
  },
  {
    name: 'any JSON, which must be spoken of',
    request: { responseFormat: { type: 'json' } },
    expected: {
      response_format: { type: 'json_object' },
      messages: [
        { role: 'system', content: 'Reply with one JSON object and nothing else.' },
        { role: 'user', content: 'Hi' },
      ],
    },
  },
  {
    name: 'any JSON, where the server knows schemas alone',
    options: { preset: 'lm-studio' },
    request: { responseFormat: { type: 'json' } },
    expected: {
      response_format: { type: 'json_schema', json_schema: { name: 'reply', schema: { type: 'object' } } },
    },
  },
  {
    name: 'an effort',
    request: { reasoning: { enabled: true, effort: 'max' } },
    expected: { reasoning_effort: 'high' },
  },
  {
    name: 'an effort for a model of OpenAI that knows few',
    options: { preset: 'openai' },
    request: { reasoning: { enabled: false } },
    model: { id: 'gpt-5-mini' },
    expected: { reasoning_effort: 'minimal' },
  },
  {
    name: 'an effort beside tools, which the chat API refuses',
    options: { preset: 'openai' },
    request: { reasoning: { enabled: true, effort: 'high' }, tools: [weather] },
    model: { id: 'gpt-5.4' },
    expected: { reasoning_effort: undefined },
    warnings: [/takes no reasoning effort beside tools/],
  },
  {
    name: 'an effort for a model that does not think',
    options: { preset: 'openai' },
    request: { reasoning: { enabled: true, effort: 'high' } },
    model: { id: 'gpt-4o' },
    expected: { reasoning_effort: undefined },
    warnings: [/reasoning was left out/],
  },
  {
    name: 'a budget for OpenRouter',
    options: { preset: 'openrouter' },
    request: { reasoning: { enabled: true, budgetTokens: 3000 } },
    expected: { reasoning: { max_tokens: 3000 } },
  },
  {
    name: 'thinking of DeepSeek',
    options: { preset: 'deepseek' },
    request: { reasoning: { enabled: true, effort: 'xhigh' } },
    expected: { thinking: { type: 'enabled' }, reasoning_effort: 'max' },
  },
  {
    name: 'no thinking of a local model',
    options: { preset: 'vllm' },
    request: { reasoning: { enabled: false } },
    expected: { chat_template_kwargs: { enable_thinking: false }, reasoning_effort: undefined },
  },
  {
    name: 'log-probabilities',
    request: { logprobs: { top: 3 } },
    expected: { logprobs: true, top_logprobs: 3 },
  },
  {
    name: 'log-probabilities where they are refused',
    options: { preset: 'groq' },
    request: { logprobs: { top: 3 } },
    expected: { logprobs: undefined, top_logprobs: undefined },
    warnings: [/does not accept logprobs/],
  },
  {
    name: 'the user, whom Mistral does not want to know, and ids that it takes',
    options: { preset: 'mistral' },
    request: {
      user: 'me',
      messages: [message('user', text('Go')), message('assistant', call('call_1')), message('tool', result('call_1'))],
    },
    expected: {
      user: undefined,
      messages: [
        { role: 'user', content: 'Go' },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: '74196fe72', type: 'function', function: { name: 'weather', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: '74196fe72', content: '' },
      ],
    },
  },
  { name: 'the user', request: { user: 'me' }, expected: { user: 'me' } },
  {
    name: 'a name of the user that is longer than OpenAI takes',
    request: { user: 'u'.repeat(150) },
    expected: { user: '816752062318c8f216b0d347163d40e917a8c522ce07be3d0ebc80db6132fc5b' },
  },
  {
    name: 'a tool that takes nothing, whose schema must say so',
    request: { tools: [{ ...weather, parameters: { type: 'object' } }] },
    expected: {
      tools: [
        {
          type: 'function',
          function: { name: 'weather', description: 'Tells.', parameters: { type: 'object', properties: {} } },
        },
      ],
    },
  },
  {
    name: 'more stop sequences than OpenAI takes',
    options: { preset: 'openai' },
    request: { stop: ['a', 'b', 'c', 'd', 'e'] },
    expected: { stop: ['a', 'b', 'c', 'd'] },
    warnings: [/takes 4 stop sequences at most: 1 left out/],
  },
  {
    name: 'as many stop sequences as there are, for a local model',
    options: { preset: 'vllm' },
    request: { stop: ['a', 'b', 'c', 'd', 'e'] },
    expected: { stop: ['a', 'b', 'c', 'd', 'e'] },
  },
  { name: 'top_k of a local model', options: { preset: 'vllm' }, request: { topK: 5 }, expected: { top_k: 5 } },
  { name: 'top_k', request: { topK: 5 }, expected: { top_k: undefined }, warnings: [/does not accept top_k/] },
]

for (const { name, options, request, model, expected, warnings = [] } of cases) {
  test(`translation: ${name}`, async (context) => {
    const { server, provider } = await start(context, undefined, options)
    const reply = await collect(provider.send({ request: chat('Hi', request), model: { ...gpt, ...model } }, never))
    assert.equal(reply.error, undefined)
    const body = server.requests[0]?.body
    for (const [field, value] of Object.entries(expected)) assert.deepEqual(body[field], value, field)
    assert.equal(reply.warnings.length, warnings.length, reply.warnings.join())
    for (const [index, warning] of warnings.entries()) assert.match(reply.warnings[index] ?? '', warning)
  })
}

test('a reply with calls, in pieces', async (context) => {
  const toolCalls = [
    { id: 'call_1', name: 'weather', arguments: '{"city":"Paris","n":12345678901234567890}' },
    { id: 'call_2', name: 'time', arguments: '{}' },
  ]
  const { provider } = await start(context, { text: 'Let me see.', reasoning: 'Hm.', toolCalls })
  const reply = await collect(provider.send({ request: chat('Hi', { tools: [weather] }), model: gpt }, never))
  assert.equal(reply.text, 'Let me see.')
  assert.deepEqual(reply.toolCalls, toolCalls)
  assert.equal(reply.finish?.reason, 'tool-calls')
})

test('a refusal is one, whatever the reason says', async (context) => {
  const { provider } = await start(context, { refusal: 'I cannot.' })
  const reply = await collect(provider.send({ request: chat('Hi'), model: gpt }, never))
  assert.equal(reply.text, 'I cannot.')
  assert.equal(reply.finish?.reason, 'content-filter')
})

test('log-probabilities with those of other tokens', async (context) => {
  const { provider } = await start(context, { text: 'Hi' })
  const request = chat('Hi', { logprobs: { top: 2 } })
  const { parts } = await collect(provider.send({ request, model: gpt }, never))
  const told = parts.flatMap((part) => (part.type === 'text-delta' ? (part.logprobs ?? []) : []))
  assert.deepEqual(told, [
    {
      token: 'Hi',
      logprob: -0.5,
      top: [
        { token: 'Hi', logprob: -0.5 },
        { token: ' other1', logprob: -1.5 },
      ],
    },
  ])
})

const replies: {
  name: string
  chunks: Record<string, unknown>[]
  logprobs?: Record<string, unknown>
  expected: unknown[]
}[] = [
  {
    name: 'calls without an index, whole',
    chunks: [
      {
        tool_calls: [
          { id: 'a', function: { name: 'one', arguments: '{}' } },
          { id: 'b', function: { name: 'two', arguments: '{}' } },
        ],
      },
    ],
    expected: [
      { type: 'tool-call', index: 0, id: 'a', name: 'one' },
      { type: 'tool-call-delta', index: 0, arguments: '{}' },
      { type: 'tool-call', index: 1, id: 'b', name: 'two' },
      { type: 'tool-call-delta', index: 1, arguments: '{}' },
    ],
  },
  {
    name: 'calls with the same index in chunks of their own',
    chunks: [
      { tool_calls: [{ index: 0, id: 'a', function: { name: 'one', arguments: '{' } }] },
      { tool_calls: [{ index: 0, function: { arguments: '}' } }] },
      { tool_calls: [{ index: 0, id: 'b', function: { name: 'two', arguments: { x: 1 } } }] },
    ],
    expected: [
      { type: 'tool-call', index: 0, id: 'a', name: 'one' },
      { type: 'tool-call-delta', index: 0, arguments: '{' },
      { type: 'tool-call-delta', index: 0, arguments: '}' },
      { type: 'tool-call', index: 1, id: 'b', name: 'two' },
      { type: 'tool-call-delta', index: 1, arguments: '{"x":1}' },
    ],
  },
  {
    name: 'a call of a custom tool, which passes through',
    chunks: [
      { tool_calls: [{ index: 0, id: 'a', type: 'custom', custom: { name: 'shell', input: '' } }] },
      { tool_calls: [{ index: 0, custom: { input: 'ls "x"' } }] },
    ],
    expected: [
      { type: 'opaque', kind: 'custom' },
      { type: 'tool-call', index: 0, id: 'a', name: 'shell' },
      { type: 'tool-call-delta', index: 0, arguments: 'ls "x"' },
    ],
  },
  {
    name: 'the probability of a token that is half a character',
    chunks: [{ content: '' }],
    logprobs: { content: [{ token: '\ufffd', logprob: -1 }] },
    expected: [{ type: 'text-delta', text: '', logprobs: [{ token: '\ufffd', logprob: -1 }] }],
  },
  {
    name: 'content in pieces',
    chunks: [
      {
        content: [
          { type: 'thinking', thinking: [{ type: 'text', text: 'Hm' }] },
          { type: 'text', text: 'Hi' },
        ],
      },
    ],
    expected: [
      { type: 'reasoning-delta', text: 'Hm' },
      { type: 'text-delta', text: 'Hi' },
    ],
  },
  {
    name: 'what only the native form can carry',
    chunks: [{ content: 'Hi', annotations: [{ type: 'url_citation' }] }, { audio: { id: 'x' } }],
    expected: [
      { type: 'text-delta', text: 'Hi' },
      { type: 'opaque', kind: 'annotations' },
      { type: 'opaque', kind: 'audio' },
    ],
  },
]

for (const { name, chunks, logprobs, expected } of replies) {
  test(`chunks: ${name}`, () => {
    const reader = chatReader()
    const parts = chunks.flatMap((delta) => reader.read({ choices: [{ index: 0, delta, logprobs }] }))
    assert.deepEqual(parts, expected)
    assert.equal(reader.finish(), undefined)
    reader.read({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })
    assert.equal(reader.finish()?.reason, expected.some((part) => Object(part).id) ? 'tool-calls' : 'stop')
  })
}

test('a stream of nothing but its end is no reply', async () => {
  const reader = chatReader()
  reader.read({ choices: [] })
  reader.end()
  assert.equal(reader.finish(), undefined)
})

test('a place among the replies that nobody asked for does not fill the memory', () => {
  const reader = chatReader()
  reader.read({ choices: [{ index: 1e6, delta: { content: 'x' }, finish_reason: 'stop' }] })
  reader.end()
  const finish = reader.finish()
  assert.ok(finish?.type === 'finish' && (finish.reasons?.length ?? 1) <= 128)
})

test('a name that OpenAI does not take is another one there, and the caller’s own here', async (context) => {
  const long = `mcp__${'x'.repeat(70)}`
  const sent = `mcp__${'x'.repeat(50)}_`
  const { server, provider } = await start(context, {
    toolCalls: [{ id: 'call_1', name: `${sent}6cc4c013`, arguments: '{}' }],
  })
  const request = chat('Hi', {
    tools: [{ ...weather, name: long }, { ...weather, name: 'a.b' }, weather],
    toolChoice: { type: 'tool', name: long },
    messages: [
      message('user', text('Go')),
      message('assistant', { type: 'tool-call', id: 'a', name: long, arguments: '{}' }),
      message('tool', result('a', text('Sun'))),
    ],
  })
  const reply = await collect(provider.send({ request, model: gpt }, never))
  assert.equal(reply.error, undefined)
  const body = server.requests[0]?.body
  const names = body.tools.map((tool: { function: { name: string } }) => tool.function.name)
  assert.deepEqual(names, [`${sent}6cc4c013`, 'a_b_2e7336dc', 'weather'])
  assert.equal(body.tool_choice.function.name, names[0])
  assert.equal(body.messages[1].tool_calls[0].function.name, names[0])
  assert.equal(reply.toolCalls[0]?.name, long)
})
