import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ErrorCode, GatewayError } from '../core/errors.ts'
import type { ChatRequest } from '../core/request.ts'
import type { RequestHead } from '../dialects/dialect.ts'
import { openaiResponses } from '../dialects/openai-responses.ts'
import { sealReasoning, unsealReasoning } from './reasoning.ts'

const head: RequestHead = {
  requestId: 'r1',
  headers: {},
  maxPromptCharacters: 100,
  path: '/v1/responses',
  query: '',
  bodyText: '{}',
}

function parse(fields: object, headers: RequestHead['headers'] = {}): ChatRequest {
  return openaiResponses.parse({ model: 'auto', input: 'Hi', ...fields }, { ...head, headers })
}

function messagesOf(...input: readonly object[]) {
  const body = { model: 'auto', input }
  const { messages } = openaiResponses.parse(body, { ...head, bodyText: JSON.stringify(body) })
  return messages.map(({ role, content }) => [role, ...content])
}

const text = (words: string) => ({ type: 'text', text: words })
const user = { role: 'user', content: 'Hi' }
const call = (id: string, more: object = {}) => ({
  type: 'function_call',
  call_id: id,
  name: 'weather',
  arguments: '{"big":12345678901234567890}',
  ...more,
})
const output = (id: string, result: unknown = 'sunny') => ({
  type: 'function_call_output',
  call_id: id,
  output: result,
})
const toolCall = (id: string) => ({ type: 'tool-call', id, name: 'weather', arguments: '{"big":12345678901234567890}' })
const toolResult = (callId: string, content: readonly object[] = [text('sunny')], name = 'weather') => ({
  type: 'tool-result',
  callId,
  name,
  content,
  isError: false,
})

describe('a request', () => {
  test('the least of one', () => {
    assert.deepEqual(parse({ model: undefined }), {
      id: 'r1',
      dialect: 'openai-responses',
      model: 'auto',
      messages: [{ role: 'user', content: [text('Hi')] }],
      stream: false,
      client: { body: '{}', headers: {}, query: '' },
      caching: 'use',
    })
  })

  const fields: readonly { readonly sent: object; readonly expected: Partial<ChatRequest> }[] = [
    { sent: { model: 'hybrid/auto' }, expected: { model: 'auto' } },
    { sent: { stream: true, store: true, include: [] }, expected: { stream: true } },
    {
      sent: { max_output_tokens: 9, temperature: 0, top_p: 0.5 },
      expected: { maxTokens: 9, temperature: 0, topP: 0.5 },
    },
    { sent: { text: { format: { type: 'json_object' } } }, expected: { responseFormat: { type: 'json' } } },
    {
      sent: { text: { format: { type: 'json_schema', name: 'city', schema: { type: 'object' }, strict: true } } },
      expected: { responseFormat: { type: 'json-schema', name: 'city', schema: { type: 'object' }, strict: true } },
    },
    { sent: { reasoning: { effort: 'low' } }, expected: { reasoning: { enabled: true, effort: 'low' } } },
    { sent: { reasoning: { effort: 'none' } }, expected: { reasoning: { enabled: false, effort: 'none' } } },
    { sent: { reasoning: { effort: 'new-word' } }, expected: { reasoning: { enabled: true } } },
    { sent: { reasoning: { effort: null, summary: 'auto' } }, expected: { reasoning: { enabled: true } } },
    { sent: { reasoning: { effort: null } }, expected: {} },
    { sent: { include: ['message.output_text.logprobs'], top_logprobs: 3 }, expected: { logprobs: { top: 3 } } },
    { sent: { include: ['reasoning.encrypted_content'] }, expected: {} },
    { sent: { prompt_cache_key: 'thread', user: 'ann' }, expected: { session: 'thread', user: 'ann' } },
    {
      sent: { safety_identifier: 'bob', user: 'ann', metadata: { a: 'b' } },
      expected: { user: 'bob', metadata: { a: 'b' } },
    },
    {
      sent: { text: { verbosity: 'low' }, truncation: 'auto', service_tier: 'flex', moderation: { model: 'm' } },
      expected: { extra: { verbosity: 'low', truncation: 'auto', service_tier: 'flex', moderation: { model: 'm' } } },
    },
    { sent: { text: { verbosity: 'medium' }, truncation: 'disabled', service_tier: 'auto', n: null }, expected: {} },
    { sent: { tools: [], tool_choice: 'auto', parallel_tool_calls: true }, expected: {} },
  ]
  for (const { sent, expected } of fields) {
    test(JSON.stringify(sent), () => assert.deepEqual(parse(sent), { ...parse({}), ...expected }))
  }

  test('a session header says more than the body', () => {
    assert.equal(parse({ prompt_cache_key: 'thread' }, { session_id: 'codex' }).session, 'codex')
  })
})

describe('items become messages', () => {
  const cases: readonly { readonly name: string; readonly items: readonly object[]; readonly expected: unknown }[] = [
    {
      name: 'messages of all roles, easy and full',
      items: [
        { role: 'developer', content: 'Be brief.' },
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hi' }] },
        {
          type: 'message',
          id: 'msg_1',
          role: 'assistant',
          status: 'completed',
          content: [
            { type: 'output_text', text: 'Hello', annotations: [] },
            { type: 'refusal', refusal: 'No' },
          ],
        },
        { role: 'user', content: 'Why?' },
      ],
      expected: [
        ['system', text('Be brief.')],
        ['user', text('Hi')],
        ['assistant', text('Hello'), text('No')],
        ['user', text('Why?')],
      ],
    },
    {
      name: 'images and files',
      items: [
        {
          role: 'user',
          content: [
            { type: 'input_image', image_url: 'data:image/PNG;base64,AAAA', detail: 'low' },
            { type: 'input_image', image_url: 'https://example.com/a.png', detail: null },
            { type: 'input_file', file_data: 'data:application/pdf;base64,BBBB', filename: 'a.pdf' },
            { type: 'input_file', file_data: 'CCCC', filename: 'a.CSV' },
            { type: 'input_file', file_url: 'https://example.com/a.pdf' },
            { type: 'input_audio', input_audio: { data: 'DDDD', format: 'mp3' } },
          ],
        },
      ],
      expected: [
        [
          'user',
          { type: 'image', source: { kind: 'data', mediaType: 'image/png', data: 'AAAA' }, detail: 'low' },
          { type: 'image', source: { kind: 'url', url: 'https://example.com/a.png' } },
          { type: 'file', source: { kind: 'data', mediaType: 'application/pdf', data: 'BBBB' }, name: 'a.pdf' },
          { type: 'file', source: { kind: 'data', mediaType: 'text/csv', data: 'CCCC' }, name: 'a.CSV' },
          { type: 'file', source: { kind: 'url', url: 'https://example.com/a.pdf' } },
          { type: 'file', source: { kind: 'data', mediaType: 'audio/mpeg', data: 'DDDD' } },
        ],
      ],
    },
    {
      name: 'one turn of the assistant, and the results of its parallel calls',
      items: [
        user,
        { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'Hm.' }] },
        { role: 'assistant', content: 'Let me look.' },
        call('a'),
        call('b'),
        output('a'),
        output('b', [
          { type: 'input_text', text: 'rain' },
          { type: 'input_image', image_url: 'https://example.com/b.png' },
        ]),
        { role: 'assistant', content: 'Done.' },
      ],
      expected: [
        ['user', text('Hi')],
        ['assistant', { type: 'reasoning', text: 'Hm.' }, text('Let me look.'), toolCall('a'), toolCall('b')],
        [
          'tool',
          toolResult('a'),
          toolResult('b', [text('rain'), { type: 'image', source: { kind: 'url', url: 'https://example.com/b.png' } }]),
        ],
        ['assistant', text('Done.')],
      ],
    },
    {
      name: 'results follow their calls, whatever stood between',
      items: [call('a'), call('b'), output('b'), { role: 'user', content: 'And?' }, output('a')],
      expected: [
        ['assistant', toolCall('a'), toolCall('b')],
        ['tool', toolResult('b'), toolResult('a')],
        ['user', text('And?')],
      ],
    },
    {
      name: 'a result without its call stays where it is',
      items: [user, output('lost')],
      expected: [
        ['user', text('Hi')],
        ['tool', toolResult('lost', [text('sunny')], '')],
      ],
    },
    {
      name: 'free text of a custom tool',
      items: [
        { type: 'custom_tool_call', call_id: 'p', name: 'apply_patch', input: '*** "Begin"\n' },
        { type: 'custom_tool_call_output', call_id: 'p', output: 'done' },
      ],
      expected: [
        ['assistant', { type: 'tool-call', id: 'p', name: 'apply_patch', arguments: '{"input":"*** \\"Begin\\"\\n"}' }],
        ['tool', toolResult('p', [text('done')], 'apply_patch')],
      ],
    },
    {
      name: 'a call within a namespace',
      items: [call('a', { namespace: 'mcp__maps' }), output('a')],
      expected: [
        ['assistant', { ...toolCall('a'), name: 'mcp__maps__weather' }],
        ['tool', toolResult('a', [text('sunny')], 'mcp__maps__weather')],
      ],
    },
    {
      name: 'thoughts that were sealed here, and those that OpenAI encrypted',
      items: [
        {
          type: 'reasoning',
          summary: [{ type: 'summary_text', text: 'Hm.' }],
          encrypted_content: sealReasoning({ signature: 'sig' }),
        },
        { type: 'reasoning', summary: [], encrypted_content: sealReasoning({ redacted: 'secret' }) },
        { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Oh.' }], encrypted_content: 'gAAAAAB' },
        { type: 'reasoning', summary: [], encrypted_content: 'hybrid1.%%%' },
        { role: 'user', content: 'Go on' },
      ],
      expected: [
        [
          'assistant',
          { type: 'reasoning', text: 'Hm.', signature: 'sig' },
          { type: 'reasoning', text: '', redacted: 'secret' },
          { type: 'opaque', kind: 'reasoning' },
          { type: 'opaque', kind: 'reasoning' },
        ],
        ['user', text('Go on')],
      ],
    },
    {
      name: 'items, parts and roles that only OpenAI understands',
      items: [
        { type: 'web_search_call', id: 'ws_1', status: 'completed' },
        { role: 'critic', content: 'Bad.' },
        { role: 'user', content: [{ type: 'input_smell', smell: 'rose' }] },
        { role: 'user', content: [{ type: 'input_text', text: 'Hi', prompt_cache_breakpoint: { mode: 'explicit' } }] },
      ],
      expected: [
        ['assistant', { type: 'opaque', kind: 'web_search_call' }, { type: 'opaque', kind: 'message of critic' }],
        ['user', { type: 'opaque', kind: 'input_smell' }],
        ['user', { ...text('Hi'), cacheMark: { type: 'ephemeral' } }],
      ],
    },
  ]
  for (const { name, items, expected } of cases) {
    test(name, () => assert.deepEqual(messagesOf(...items), expected))
  }

  test('what was answered before can be done without', () => {
    const picture = { role: 'user', content: [{ type: 'input_image', file_id: 'file_1' }] }
    const { needs } = parse({ input: [picture, { role: 'assistant', content: 'A cat.' }, user] })
    assert.deepEqual(
      needs?.map(({ field, weight }) => [field, weight]),
      [['input[0].content[0].file_id', 'may']],
    )
  })

  test('instructions come first, as a message of their own', () => {
    const { messages } = parse({ instructions: 'Be brief.', input: [{ role: 'system', content: 'In French.' }, user] })
    assert.deepEqual(
      messages.map(({ role }) => role),
      ['system', 'system', 'user'],
    )
  })

  test('what only OpenAI understands is asked for once, and is no reason to choose another model', () => {
    const { needs } = parse({ input: [{ type: 'web_search_call' }, { type: 'file_search_call' }, user] })
    assert.deepEqual(needs, [{ capability: 'native', field: 'input[0]', weight: 'may' }])
  })
})

test('OpenAI gets back what it encrypted, and no thoughts of other models', () => {
  const thought = (encrypted: string) => ({ type: 'reasoning', summary: [], encrypted_content: encrypted })
  const openai = { model: 'auto', input: [user, thought('gAAAAAB')], unknown: 1 }
  const mixed = { ...openai, input: [...openai.input, thought(sealReasoning({ signature: 'sig' }))] }
  const bodyText = ` ${JSON.stringify(openai)}`
  assert.equal(openaiResponses.parse(openai, { ...head, bodyText }).client?.body, bodyText)
  const large = '12345678901234567890'
  const written = (value: object) => ` ${JSON.stringify(value).replace('"unknown":1', `"unknown": ${large}`)}`
  const passed = openaiResponses.parse(mixed, { ...head, bodyText: written(mixed) }).client?.body
  assert.equal(passed, written(openai))
})

describe('tools', () => {
  const patch = {
    type: 'custom',
    name: 'apply_patch',
    description: 'Edits files.',
    format: { type: 'grammar', syntax: 'lark', definition: 'start: "a"' },
  }
  const weather = { type: 'function', name: 'weather', description: 'Looks', parameters: null, strict: false }
  const described = {
    type: 'function',
    name: 'weather',
    description: 'Looks',
    parameters: { type: 'object', properties: {} },
    strict: false,
  }

  test('functions, free text, groups, and those that the vendor runs', () => {
    const maps = { type: 'namespace', name: 'mcp__maps', description: '', tools: [{ ...weather, name: 'route' }] }
    const tools = [weather, patch, maps, { type: 'local_shell' }, { type: 'web_search' }, { type: 'web_search' }]
    const request = parse({ tools, tool_choice: 'auto', parallel_tool_calls: false })
    assert.deepEqual(request.tools, [
      described,
      {
        type: 'function',
        name: 'apply_patch',
        description: 'Edits files.',
        parameters: {
          type: 'object',
          properties: {
            input: {
              type: 'string',
              description: 'The whole input of the tool, as plain text, in this lark grammar:\nstart: "a"',
            },
          },
          required: ['input'],
          additionalProperties: false,
        },
        freeform: true,
      },
      { ...described, name: 'mcp__maps__route' },
      { type: 'hosted', name: 'local_shell' },
      { type: 'hosted', name: 'web_search' },
    ])
    assert.deepEqual(request.needs, [
      { capability: 'native', field: 'tools[3]', weight: 'prefer' },
      { capability: 'native', field: 'tools[4]', weight: 'prefer' },
    ])
    assert.deepEqual([request.toolChoice, request.parallelToolCalls], [{ type: 'auto' }, false])
  })

  test('tools that the conversation adds', () => {
    const input = [{ type: 'additional_tools', role: 'developer', tools: [weather] }, user]
    assert.deepEqual(parse({ input }).tools, [described])
  })

  test('names that are too long for models are cut, and differ still', () => {
    const named = (name: string) => ({ ...weather, name })
    const long = 'x'.repeat(60)
    const group = { type: 'namespace', name: 'mcp__', tools: [named(`${long}a`), named(`${long}b`)] }
    const names = (parse({ tools: [group] }).tools ?? []).map(({ name }) => name)
    assert.equal(new Set(names).size, 2)
    assert.ok(names.every((name) => name.length <= 64 && name.startsWith('mcp__xxx')))
  })

  const choices: readonly {
    readonly choice: unknown
    readonly expected: unknown
    readonly left?: readonly string[]
  }[] = [
    { choice: 'none', expected: { type: 'none' } },
    { choice: 'required', expected: { type: 'required' } },
    { choice: { type: 'function', name: 'weather' }, expected: { type: 'tool', name: 'weather' } },
    { choice: { type: 'custom', name: 'apply_patch' }, expected: { type: 'tool', name: 'apply_patch' } },
    {
      choice: { type: 'allowed_tools', mode: 'required', tools: [{ type: 'custom', name: 'apply_patch' }] },
      expected: { type: 'required' },
      left: ['apply_patch'],
    },
  ]
  for (const { choice, expected, left = ['weather', 'apply_patch', 'web_search'] } of choices) {
    test(`the choice ${JSON.stringify(choice)}`, () => {
      const request = parse({ tools: [weather, patch, { type: 'web_search' }], tool_choice: choice })
      assert.deepEqual(request.toolChoice, expected)
      assert.deepEqual(
        request.tools?.map(({ name }) => name),
        left,
      )
    })
  }
})

describe('what lies with OpenAI needs a model that speaks this API', () => {
  const cases: readonly { readonly sent: object; readonly field: string; readonly advice: RegExp }[] = [
    { sent: { previous_response_id: 'resp_1' }, field: 'previous_response_id', advice: /whole conversation as input/ },
    { sent: { conversation: 'conv_1' }, field: 'conversation', advice: /whole conversation as input/ },
    { sent: { conversation: { id: 'conv_1' }, input: [] }, field: 'conversation', advice: /keeps nothing/ },
    { sent: { prompt: { id: 'pmpt_1' }, input: undefined }, field: 'prompt', advice: /instructions and input/ },
    { sent: { background: true }, field: 'background', advice: /leave it out/ },
    { sent: { input: [{ type: 'item_reference', id: 'a' }] }, field: 'input[0]', advice: /store: false/ },
    { sent: { input: [user, { id: 'a' }] }, field: 'input[1]', advice: /whole conversation/ },
    {
      sent: { input: [{ role: 'user', content: [{ type: 'input_image', file_id: 'file_1' }] }] },
      field: 'input[0].content[0].file_id',
      advice: /as image_url/,
    },
    {
      sent: { input: [{ role: 'user', content: [{ type: 'input_smell' }] }] },
      field: 'input[0].content[0]',
      advice: /without input_smell/,
    },
    {
      sent: { input: [user, { type: 'local_shell_call', id: 'a' }, { type: 'local_shell_call_output', id: 'a' }] },
      field: 'input[2]',
      advice: /without local_shell_call_output/,
    },
    { sent: { input: [{ type: 'compaction', encrypted_content: 'x' }, user] }, field: 'input[0]', advice: /whole/ },
    { sent: { tool_choice: { type: 'web_search_preview' } }, field: 'tool_choice', advice: /name a function/ },
  ]
  for (const { sent, field, advice } of cases) {
    test(field, () => {
      const request = parse(sent)
      const [need] = (request.needs ?? []).filter(({ weight }) => weight === 'must')
      assert.deepEqual([need?.capability, need?.field], ['native', field])
      assert.match(need?.advice ?? '', advice)
      assert.ok(request.messages.length > 0)
    })
  }
})

describe('mistakes name the field', () => {
  const cases: readonly { readonly sent: object; readonly message: RegExp; readonly code?: ErrorCode }[] = [
    { sent: { input: undefined }, message: /^'input' holds nothing/ },
    { sent: { input: ' ' }, message: /^'input' holds nothing/ },
    { sent: { input: [{ role: 'system', content: 'Hi' }] }, message: /^'input' holds nothing/ },
    { sent: { input: 3 }, message: /^input: must be a string or an array/ },
    { sent: { model: 3 }, message: /^model: must be a string/ },
    { sent: { input: [{ role: 'user', content: 3 }] }, message: /^input\[0\]\.content: must be a string or an array/ },
    {
      sent: { input: [{ role: 'user', content: [{ type: 'input_text' }] }] },
      message: /^input\[0\]\.content\[0\]\.text:/,
    },
    { sent: { input: [{ type: 'function_call', call_id: 'a', name: 'b' }] }, message: /^input\[0\]\.arguments:/ },
    {
      sent: { input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'ftp://a' }] }] },
      message: /^input\[0\]\.content\[0\]\.image_url: must be an http/,
    },
    {
      sent: { input: [{ role: 'user', content: [{ type: 'input_image' }] }] },
      message: /^input\[0\]\.content\[0\]: holds nothing: send image_url/,
    },
    { sent: { tools: [{ type: 'function' }] }, message: /^tools\[0\]\.name:/ },
    { sent: { tool_choice: 'sometimes' }, message: /^tool_choice: must be auto, none, required/ },
    { sent: { tool_choice: { type: 'function', name: 'x' } }, message: /^tool_choice\.name: 'x' is not among/ },
    { sent: { text: { format: { type: 'xml' } } }, message: /^text\.format\.type:/ },
    { sent: { text: { format: { type: 'json_schema', name: 'a' } } }, message: /^text\.format\.schema: is missing/ },
    { sent: { temperature: 3 }, message: /^temperature: must be a number from 0 to 2/ },
    { sent: { max_output_tokens: 0 }, message: /^max_output_tokens:/ },
    { sent: { input: 'x'.repeat(101) }, message: /^input has 101 characters/, code: 'prompt_too_long' },
    {
      sent: { input: [{ role: 'user', content: 'x'.repeat(101) }] },
      message: /^input\[0\]\.content has 101/,
      code: 'prompt_too_long',
    },
    { sent: { instructions: 'x'.repeat(101) }, message: /^instructions has 101/, code: 'prompt_too_long' },
  ]
  for (const { sent, message, code = 'invalid_request' } of cases) {
    test(String(message), () => {
      assert.throws(
        () => parse(sent),
        (error) => error instanceof GatewayError && error.code === code && message.test(error.message),
      )
    })
  }

  test('but what tools said may be long', () => {
    assert.equal(parse({ input: [call('a'), output('a', 'x'.repeat(101))] }).messages.length, 2)
  })
})

test('a seal opens to what was put into it, and nothing else opens', () => {
  for (const seal of [{}, { signature: 'é=' }, { redacted: 'x' }, { signature: 'a', redacted: 'b' }]) {
    assert.deepEqual(unsealReasoning(sealReasoning(seal)), seal)
  }
  const number = Buffer.from('{"signature":3}').toString('base64url')
  for (const foreign of ['', 'gAAAA', 'hybrid1.', 'hybrid1.e30x', `hybrid1.${number}`, `hybrid2.${number}`]) {
    assert.equal(unsealReasoning(foreign), undefined, foreign)
  }
})
