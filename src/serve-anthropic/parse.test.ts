import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { card } from '../../test/fixtures/stand-ins/calls.ts'
import { GatewayError } from '../core/errors.ts'
import type { ChatRequest } from '../core/request.ts'
import type { Headers, RequestHead } from '../dialects/dialect.ts'
import { lossesOf } from '../translation/losses.ts'
import { anthropicError, anthropicStatus } from './errors.ts'
import { countPath, parseMessages } from './parse.ts'

const user = (content: unknown) => ({ role: 'user', content })
const assistant = (content: unknown) => ({ role: 'assistant', content })
const text = (words: string) => ({ type: 'text', text: words })
const least = { model: 'auto', max_tokens: 10, messages: [user('Hello')] }

function headOf(body: unknown, { path = '/v1/messages', headers = {} as Headers, query = '' } = {}): RequestHead {
  return { requestId: 'r1', headers, maxPromptCharacters: 200, path, query, bodyText: JSON.stringify(body) }
}

function parse(body: unknown, options?: Parameters<typeof headOf>[1]): ChatRequest {
  return parseMessages(body, headOf(body, options))
}

describe('what is said', () => {
  const cases: readonly { name: string; body: object; messages: ChatRequest['messages'] }[] = [
    { name: 'a string', body: {}, messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }] },
    {
      name: 'a system prompt in blocks, with marks',
      body: { system: [text('a'), { ...text('b'), cache_control: { type: 'ephemeral', ttl: '1h' } }] },
      messages: [
        {
          role: 'system',
          content: [
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b', cacheMark: { type: 'ephemeral', ttl: '1h' } },
          ],
        },
        { role: 'user', content: [{ type: 'text', text: 'Hello' }] },
      ],
    },
    {
      name: 'a system message in the middle stays there',
      body: { messages: [user('a'), assistant('b'), { role: 'system', content: 'Be brief.' }, user('c')] },
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'a' }] },
        { role: 'assistant', content: [{ type: 'text', text: 'b' }] },
        { role: 'system', content: [{ type: 'text', text: 'Be brief.' }] },
        { role: 'user', content: [{ type: 'text', text: 'c' }] },
      ],
    },
    {
      name: 'images and documents',
      body: {
        messages: [
          user([
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
            { type: 'image', source: { type: 'url', url: 'https://example.org/a.png' } },
            { type: 'document', title: 'A', source: { type: 'base64', media_type: 'application/pdf', data: 'BBBB' } },
            { type: 'document', source: { type: 'url', url: 'https://example.org/a.pdf' } },
            { type: 'document', title: 'B', source: { type: 'text', media_type: 'text/plain', data: 'words' } },
            { type: 'document', source: { type: 'content', content: [text('inside')] } },
            { type: 'search_result', title: 'T', source: 'S', content: [text('found')] },
          ]),
        ],
      },
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image', source: { kind: 'data', mediaType: 'image/png', data: 'AAAA' } },
            { type: 'image', source: { kind: 'url', url: 'https://example.org/a.png' } },
            { type: 'file', source: { kind: 'data', mediaType: 'application/pdf', data: 'BBBB' }, name: 'A' },
            { type: 'file', source: { kind: 'url', url: 'https://example.org/a.pdf' } },
            { type: 'text', text: 'B\n\nwords' },
            { type: 'text', text: 'inside' },
            { type: 'text', text: 'T (S)\n\nfound' },
          ],
        },
      ],
    },
    {
      name: 'thoughts, calls and their results; what was said beside the results comes after them',
      body: {
        messages: [
          user('Weather?'),
          assistant([
            { type: 'thinking', thinking: 'hm', signature: 'c2ln' },
            { type: 'redacted_thinking', data: 'xyz' },
            text('Looking.'),
            { type: 'tool_use', id: 't1', name: 'weather', input: { city: 'Paris', n: 1.5 } },
            { type: 'tool_use', id: 't2', name: 'time', input: {} },
          ]),
          user([
            text('By the way'),
            {
              type: 'tool_result',
              tool_use_id: 't1',
              content: [text('sunny'), { type: 'tool_reference', tool_name: 'x' }],
            },
            { type: 'tool_result', tool_use_id: 't2', content: 'no clock', is_error: true },
            { type: 'tool_result', tool_use_id: 't9' },
          ]),
        ],
      },
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'Weather?' }] },
        {
          role: 'assistant',
          content: [
            { type: 'reasoning', text: 'hm', signature: 'c2ln' },
            { type: 'reasoning', text: '', redacted: 'xyz' },
            { type: 'text', text: 'Looking.' },
            { type: 'tool-call', id: 't1', name: 'weather', arguments: '{"city":"Paris","n":1.5}' },
            { type: 'tool-call', id: 't2', name: 'time', arguments: '{}' },
          ],
        },
        {
          role: 'tool',
          content: [
            {
              type: 'tool-result',
              callId: 't1',
              name: 'weather',
              content: [
                { type: 'text', text: 'sunny' },
                { type: 'text', text: 'x' },
              ],
              isError: false,
            },
            {
              type: 'tool-result',
              callId: 't2',
              name: 'time',
              content: [{ type: 'text', text: 'no clock' }],
              isError: true,
            },
            { type: 'tool-result', callId: 't9', name: '', content: [], isError: false },
          ],
        },
        { role: 'user', content: [{ type: 'text', text: 'By the way' }] },
      ],
    },
    {
      name: 'blocks that only Anthropic knows',
      body: {
        messages: [
          user('a'),
          assistant([{ type: 'server_tool_use', id: 's', name: 'web_search', input: {} }, { type: 'brand_new' }]),
          user([{ type: 'container_upload', file_id: 'f' }, text('b')]),
        ],
      },
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'a' }] },
        {
          role: 'assistant',
          content: [
            { type: 'opaque', kind: 'server_tool_use' },
            { type: 'opaque', kind: 'brand_new' },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'opaque', kind: 'container_upload' },
            { type: 'text', text: 'b' },
          ],
        },
      ],
    },
  ]
  for (const { name, body, messages } of cases) {
    test(name, () => assert.deepEqual(parse({ ...least, ...body }).messages, messages))
  }
})

describe('options', () => {
  const tool = { name: 'weather', description: 'd', input_schema: { type: 'object', properties: {} } }
  const read = { type: 'function', name: 'weather', description: 'd', parameters: tool.input_schema }
  const schema = { type: 'object', properties: { a: { type: 'string' } } }
  const format = { type: 'json-schema', name: 'reply', schema, strict: true } as const
  const cases: readonly { name: string; body: object; holds: Partial<ChatRequest> }[] = [
    {
      name: 'sampling',
      body: { temperature: 1, top_p: 0.5, top_k: 40, stop_sequences: ['x'], stream: true },
      holds: { maxTokens: 10, temperature: 1, topP: 0.5, topK: 40, stop: ['x'], stream: true },
    },
    { name: 'null is nothing', body: { temperature: null, system: null, tools: null }, holds: { tools: undefined } },
    {
      name: 'own tools and hosted ones',
      body: {
        tools: [
          tool,
          { type: 'custom', name: 'b', input_schema: {}, strict: true },
          { type: 'bash_20250124', name: 'bash' },
        ],
      },
      holds: {
        tools: [
          read as never,
          { type: 'function', name: 'b', strict: true, parameters: { type: 'object' } },
          { type: 'hosted', name: 'bash_20250124' },
        ],
        needs: [{ capability: 'native', field: 'tools', weight: 'prefer' }],
      },
    },
    {
      name: 'any tool, one at a time',
      body: { tools: [tool], tool_choice: { type: 'any', disable_parallel_tool_use: true } },
      holds: { toolChoice: { type: 'required' }, parallelToolCalls: false },
    },
    {
      name: 'one tool',
      body: { tools: [tool], tool_choice: { type: 'tool', name: 'weather' } },
      holds: { toolChoice: { type: 'tool', name: 'weather' }, parallelToolCalls: undefined },
    },
    {
      name: 'one tool that is Anthropic’s',
      body: {
        tools: [tool, { type: 'web_search_20250305', name: 'web_search' }],
        tool_choice: { type: 'tool', name: 'web_search' },
      },
      holds: {
        toolChoice: undefined,
        needs: [
          { capability: 'native', field: 'tools', weight: 'prefer' },
          { capability: 'native', field: 'tool_choice', weight: 'must' },
        ],
      },
    },
    { name: 'a choice without tools', body: { tool_choice: { type: 'auto' } }, holds: { toolChoice: undefined } },
    {
      name: 'a small budget for thoughts',
      body: { thinking: { type: 'enabled', budget_tokens: 500 } },
      holds: { reasoning: { enabled: true, budgetTokens: 500 }, wishes: { thinking: true } },
    },
    {
      name: 'adaptive thoughts with an effort, not shown',
      body: { thinking: { type: 'adaptive', display: 'omitted' }, output_config: { effort: 'xhigh' } },
      holds: { reasoning: { enabled: true, effort: 'xhigh' }, wishes: { thinking: false } },
    },
    {
      name: 'no thoughts',
      body: { thinking: { type: 'disabled' } },
      holds: { reasoning: { enabled: false }, wishes: { thinking: false } },
    },
    { name: 'no word of thoughts', body: {}, holds: { reasoning: undefined, wishes: { thinking: false } } },
    {
      name: 'an effort that is not known yet',
      body: { output_config: { effort: 'heroic' } },
      holds: { reasoning: undefined },
    },
    {
      name: 'a schema',
      body: { output_config: { format: { type: 'json_schema', schema } } },
      holds: { responseFormat: format },
    },
    {
      name: 'a schema at its older place',
      body: { output_format: { type: 'json_schema', schema } },
      holds: { responseFormat: format },
    },
    {
      name: 'a format that is not known yet',
      body: { output_config: { format: { type: 'grammar' } } },
      holds: {
        responseFormat: undefined,
        needs: [{ capability: 'native', field: 'output_config.format', weight: 'must' }],
      },
    },
    {
      name: 'fields of Anthropic’s servers',
      body: { service_tier: 'auto', mcp_servers: [{}], context_management: { edits: [] } },
      holds: {
        extra: { service_tier: 'auto', mcp_servers: [{}], context_management: { edits: [] } },
        needs: [
          { capability: 'native', field: 'mcp_servers', weight: 'prefer' },
          { capability: 'native', field: 'context_management', weight: 'prefer' },
        ],
      },
    },
    {
      name: 'a reply of no length fills a cache that only Anthropic has',
      body: { max_tokens: 0 },
      holds: { maxTokens: 0, needs: [{ capability: 'native', field: 'max_tokens', weight: 'must' }] },
    },
    {
      name: 'a picture that lies with Anthropic',
      body: { messages: [user([text('a'), { type: 'image', source: { type: 'file', file_id: 'f' } }])] },
      holds: { needs: [{ capability: 'native', field: 'messages[0].content[1].source', weight: 'must' }] },
    },
    {
      name: 'history of tools that Anthropic ran',
      body: {
        messages: [user('a'), assistant([{ type: 'server_tool_use' }, { type: 'web_search_tool_result' }]), user('b')],
      },
      holds: { needs: [{ capability: 'native', field: 'messages[1].content[0]', weight: 'may' }] },
    },
  ]
  for (const { name, body, holds } of cases) {
    test(name, () => {
      const request = parse({ ...least, ...body })
      for (const [field, value] of Object.entries(holds))
        assert.deepEqual(request[field as keyof ChatRequest], value, field)
    })
  }
})

describe('who asks', () => {
  const session = '3e9f1c52-7a3d-4a55-9b1e-2f6f7c1d0a11'
  const cases = [
    { name: 'JSON', userId: JSON.stringify({ device_id: 'd', account_uuid: '', session_id: session }), session },
    { name: 'the older form', userId: `user_0123_account__session_${session}`, session },
    { name: 'any other name', userId: 'ann', session: undefined },
    { name: 'broken JSON', userId: '{', session: undefined },
  ]
  for (const { name, userId, session } of cases) {
    test(`metadata.user_id as ${name}`, () => {
      const request = parse({ ...least, metadata: { user_id: userId } })
      assert.deepEqual([request.user, request.session], [userId, session])
    })
  }

  test('a header goes before', () => {
    const headers = { 'x-claude-code-session-id': 'h' }
    assert.equal(parse({ ...least, metadata: { user_id: `a_session_${session}` } }, { headers }).session, 'h')
  })
})

describe('for Anthropic’s own models', () => {
  test('the bytes, the query and the headers that mean something stay as they came', () => {
    const headers = {
      'anthropic-version': '2023-06-01',
      'anthropic-beta': 'a-1,b-2',
      'x-api-key': 'secret',
      'x-app': 'cli',
    }
    const body = { ...least, anything: { new: 1 } }
    assert.deepEqual(parse(body, { headers, query: '?beta=true' }).client, {
      body: JSON.stringify(body),
      headers: { 'anthropic-version': '2023-06-01', 'anthropic-beta': 'a-1,b-2' },
      query: '?beta=true',
    })
  })

  test('thoughts of other models are taken out, and nothing else is touched', () => {
    const bodyText = `{"model": "auto", "max_tokens": 10, "messages": [
      {"role": "user", "content": "a"},
      {"role": "assistant", "content": [{"type": "thinking", "thinking": "x", "signature": ""}]},
      {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "x", "signature": "unsigned"},
        {"type": "thinking", "thinking": "y", "signature": "c2ln"},
        {"type": "thinking", "thinking": "z"},
        {"type": "thinking", "thinking": "", "signature": "gAAAAABo"},
        {"type": "tool_use", "id": "t", "name": "n", "input": {"big": 12345678901234567890, "real": 1.0}}]},
      {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "b"}]}]}`
    const body = JSON.parse(bodyText)
    const request = parseMessages(body, { ...headOf(body), bodyText })
    const thoughts = request.messages.flatMap(({ content }) => content.filter(({ type }) => type === 'reasoning'))
    assert.deepEqual(thoughts, [
      { type: 'reasoning', text: 'x' },
      { type: 'reasoning', text: 'x' },
      { type: 'reasoning', text: 'y', signature: 'c2ln' },
      { type: 'reasoning', text: 'z' },
      { type: 'reasoning', text: '', signature: 'gAAAAABo' },
    ])
    assert.equal(
      request.client?.body,
      '{"model": "auto", "max_tokens": 10, "messages": [{"role":"user","content":"a"},{"role":"assistant","content":[' +
        '{"type":"thinking","thinking":"y","signature":"c2ln"},' +
        '{"type":"tool_use","id":"t","name":"n","input":{"big":12345678901234567890,"real":1.0}}]},' +
        '{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"b"}]}]}',
    )
  })
})

test('what is left out of the result of a tool is told, once for each kind', () => {
  const use = { type: 'tool_use', id: 't', name: 'n', input: {} }
  const result = { type: 'tool_result', tool_use_id: 't', content: [{ type: 'mystery' }, { type: 'mystery' }] }
  const messages = [
    { role: 'user', content: [{ type: 'riddle' }, { type: 'text', text: 'a' }] },
    { role: 'assistant', content: [use] },
    { role: 'user', content: [result] },
  ]
  const model = card({ name: 'other' })
  assert.deepEqual(
    lossesOf(parse({ ...least, messages }), model, []).map(({ message }) => message),
    [
      "model 'other' does not understand 'riddle' in messages: left out",
      "model 'other' cannot do 'tool_result.mystery' of anthropic-messages: left out",
    ],
  )
})

test('a system message without content stays where thoughts of other models are taken out', () => {
  const thought = { type: 'thinking', thinking: 'x', signature: 'unsigned' }
  const settings = { role: 'system', effort: 'low' }
  const said = { role: 'user', content: 'a' }
  const messages = [said, settings, { role: 'assistant', content: [thought, { type: 'text', text: 'b' }] }, said]
  const request = parse({ ...least, messages })
  assert.deepEqual(JSON.parse(request.client?.body ?? '').messages, [
    said,
    settings,
    { role: 'assistant', content: [{ type: 'text', text: 'b' }] },
    said,
  ])
})

describe('threads', () => {
  const goesOn = (id: string) => ({ ...least, thread: { type: 'continue', previous_message_id: id } })

  test('the beginning of one can be answered by any model, and is told to go without', () => {
    const request = parse({ ...least, thread: { type: 'create' } })
    assert.deepEqual(request.needs, [{ capability: 'native', field: 'thread', weight: 'may' }])
    assert.deepEqual([request.extra, request.caching], [{ thread: { type: 'create' } }, 'off'])
  })

  test('one that Anthropic holds goes on there, even without a word', () => {
    const must = [{ capability: 'native', field: 'thread', weight: 'must' }]
    assert.deepEqual(parse(goesOn('msg_01')).needs, must)
    const silent = parse({ ...goesOn('msg_01'), messages: [] })
    assert.deepEqual(silent.messages, [{ role: 'user', content: [{ type: 'opaque', kind: 'thread' }] }])
    assert.deepEqual(silent.needs, must)
  })

  test('one that nobody holds is told in the way in which clients begin again', () => {
    assert.throws(
      () => parse(goesOn('msg_hybrid_r0')),
      (error) => {
        assert.ok(error instanceof GatewayError)
        assert.equal(anthropicStatus(error), 404)
        const { type, details } = anthropicError(error, 'r1').error
        assert.deepEqual([type, details], ['not_found_error', { error_code: 'thread_not_found' }])
        return true
      },
    )
  })
})

describe('what is refused', () => {
  const cases: readonly { name: string; body: unknown; says: RegExp; path?: string }[] = [
    { name: 'no object', body: [], says: /JSON object/ },
    { name: 'no model', body: { ...least, model: undefined }, says: /^model: is missing/ },
    { name: 'no limit', body: { ...least, max_tokens: undefined }, says: /^max_tokens: is missing/ },
    { name: 'a negative limit', body: { ...least, max_tokens: -1 }, says: /^max_tokens: / },
    { name: 'no messages', body: { ...least, messages: [] }, says: /^messages: hold nothing/ },
    {
      name: 'a role of another API',
      body: { ...least, messages: [{ role: 'tool', content: 'x' }] },
      says: /^messages\[0\]\.role: /,
    },
    {
      name: 'no content',
      body: { ...least, messages: [{ role: 'user' }] },
      says: /^messages\[0\]\.content: is missing/,
    },
    { name: 'content that is a number', body: { ...least, messages: [user(5)] }, says: /^messages\[0\]\.content: / },
    {
      name: 'a text that is a number',
      body: { ...least, messages: [user([{ type: 'text', text: 5 }])] },
      says: /^messages\[0\]\.content\[0\]\.text: must be a string/,
    },
    {
      name: 'a picture without its data',
      body: {
        ...least,
        messages: [user([text('a'), { type: 'image', source: { type: 'base64', media_type: 'image/png' } }])],
      },
      says: /^messages\[0\]\.content\[1\]\.source\.data: /,
    },
    {
      name: 'a result of the wrong type',
      body: { ...least, messages: [user([{ type: 'tool_result', tool_use_id: 't', content: [{ type: 'text' }] }])] },
      says: /^messages\[0\]\.content\[0\]\.content\[0\]\.text: /,
    },
    {
      name: 'a call without an object',
      body: { ...least, messages: [assistant([{ type: 'tool_use', id: 't', name: 'n', input: 'x' }])] },
      says: /input: must be an object/,
    },
    {
      name: 'a call of the user',
      body: { ...least, messages: [user([{ type: 'tool_use', id: 't', name: 'n', input: {} }])] },
      says: /tool_use belongs into assistant messages/,
    },
    {
      name: 'a result of the assistant',
      body: { ...least, messages: [assistant([{ type: 'tool_result', tool_use_id: 't' }])] },
      says: /tool_result belongs into user messages/,
    },
    { name: 'no blocks', body: { ...least, messages: [user([])] }, says: /^messages: hold nothing/ },
    { name: 'blank messages', body: { ...least, messages: [user([text(' ')])] }, says: /^messages: hold nothing/ },
    {
      name: 'a tool without a schema',
      body: { ...least, tools: [{ name: 'a' }] },
      says: /^tools\[0\]\.input_schema: must be an object/,
    },
    {
      name: 'a schema of a list',
      body: { ...least, tools: [{ name: 'a', input_schema: { type: 'array' } }] },
      says: /^tools\[0\]\.input_schema: must be the schema of an object/,
    },
    {
      name: 'a choice of no tool',
      body: { ...least, tool_choice: { type: 'any' } },
      says: /^tool_choice: asks for a tool/,
    },
    {
      name: 'a choice of another tool',
      body: { ...least, tools: [{ name: 'a', input_schema: {} }], tool_choice: { type: 'tool', name: 'b' } },
      says: /^tool_choice\.name: there is no tool 'b'/,
    },
    {
      name: 'a budget that is a word',
      body: { ...least, thinking: { type: 'enabled', budget_tokens: 'x' } },
      says: /^thinking\.budget_tokens: /,
    },
    { name: 'heat', body: { ...least, temperature: 1.1 }, says: /^temperature: must be a number from 0 to 1/ },
    {
      name: 'a schema that is a word',
      body: { ...least, output_config: { format: { type: 'json_schema', schema: 'x' } } },
      says: /^output_config\.format\.schema: /,
    },
    { name: 'no messages to count', body: { model: 'auto' }, says: /^messages: /, path: countPath },
  ]
  for (const { name, body, says, path = '/v1/messages' } of cases) {
    test(name, () => {
      assert.throws(
        () => parse(body, { path }),
        (error) => error instanceof GatewayError && error.code === 'invalid_request' && says.test(error.message),
      )
    })
  }

  test('what people write is bounded, what tools and models write is not', () => {
    const long = 'x'.repeat(201)
    for (const body of [{ system: long }, { messages: [user(long)] }, { messages: [user([text(long)])] }]) {
      assert.throws(() => parse({ ...least, ...body }), { code: 'prompt_too_long' })
    }
    parse({
      ...least,
      messages: [user('a'), assistant(long), user([{ type: 'tool_result', tool_use_id: 't', content: long }])],
    })
  })

  test('a count needs no limit for the reply', () => {
    const { messages, model } = least
    assert.equal(parse({ messages, model }, { path: countPath }).maxTokens, undefined)
  })
})
