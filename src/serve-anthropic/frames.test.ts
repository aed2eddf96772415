import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { answerFacts } from '../../test/fixtures/dialect-calls.ts'
import { receipt } from '../../test/fixtures/receipt.ts'
import { type ErrorCode, GatewayError } from '../core/errors.ts'
import { MessageBuilder } from '../core/message-builder.ts'
import type { ContentDelta, FinishReason } from '../core/reply.ts'
import type { ChatRequest } from '../core/request.ts'
import { anthropicMessages } from '../dialects/anthropic-messages.ts'

const usage = { input: 7, cacheRead: 3, cacheWrite: 2, cacheWriteHour: 1, output: 5, reasoning: 4 }
const counts = {
  input_tokens: 7,
  cache_creation_input_tokens: 3,
  cache_read_input_tokens: 3,
  output_tokens: 9,
  output_tokens_details: { thinking_tokens: 4 },
  server_tool_use: null,
}
const facts = { ...answerFacts, requestId: 'r1', promptUsage: { ...usage, output: 0, reasoning: 0 } }

function requestThat(showsThinking: boolean): ChatRequest {
  return {
    id: 'r1',
    dialect: 'anthropic-messages',
    model: 'auto',
    messages: [],
    stream: true,
    wishes: { thinking: showsThinking },
    caching: 'use',
  }
}

interface Options {
  readonly thinking?: boolean
  readonly reason?: FinishReason
  readonly stopSequence?: string
}

/** The events of a stream; each must be named as its type says. */
function stream(parts: readonly ContentDelta[], options: Options = {}) {
  const { thinking = true, reason = 'stop', stopSequence } = options
  const writer = anthropicMessages.frames(requestThat(thinking))
  const end = { reason, receipt: receipt({ usage }), ...(stopSequence !== undefined && { stopSequence }) }
  return events([writer.start(facts), ...parts.map(writer.part), writer.end(end)].join(''))
}

function events(frames: string): readonly Readonly<Record<string, unknown>>[] {
  return frames
    .split('\n\n')
    .slice(0, -1)
    .map((frame) => {
      const [, name, data = ''] = /^event: (\w+)\ndata: (.*)$/.exec(frame) ?? []
      const fields = JSON.parse(data)
      assert.equal(fields.type, name)
      return fields
    })
}

/** The content blocks, in short: what each began with, and its deltas. */
function blocks(parts: readonly ContentDelta[], options?: Options) {
  const read: { block: Record<string, unknown>; deltas: unknown[] }[] = []
  let open = false
  for (const event of stream(parts, options)) {
    if (event.type === 'content_block_start') {
      assert.deepEqual([open, event.index], [false, read.length])
      open = true
      read.push({ block: event.content_block as Record<string, unknown>, deltas: [] })
    } else if (event.type === 'content_block_delta' || event.type === 'content_block_stop') {
      assert.deepEqual([open, event.index], [true, read.length - 1])
      if (event.type === 'content_block_stop') open = false
      else read.at(-1)?.deltas.push(Object.values(event.delta as object)[1])
    } else assert.equal(open, false)
  }
  return read.map(({ block, deltas }) => [block.type, ...(block.type === 'tool_use' ? [block.id] : []), ...deltas])
}

function whole(parts: readonly ContentDelta[], { thinking = true, reason = 'stop', stopSequence }: Options = {}) {
  const builder = new MessageBuilder()
  for (const part of parts) builder.add(part)
  const choices = builder.finish({ reason, ...(stopSequence !== undefined && { stopSequence }) })
  return anthropicMessages.whole({ facts, choices, receipt: receipt({ usage }) }, requestThat(thinking)) as Readonly<
    Record<string, unknown>
  >
}

const said = (text: string): ContentDelta => ({ type: 'text-delta', text })
const thought = (text: string): ContentDelta => ({ type: 'reasoning-delta', text })
const signed = (signature: string): ContentDelta => ({ type: 'reasoning-signature', signature })
const redacted: ContentDelta = { type: 'reasoning-redacted', data: 'xyz' }
const call = (index: number): ContentDelta => ({ type: 'tool-call', index, id: `t${index}`, name: 'weather' })
const more = (index: number, json: string): ContentDelta => ({ type: 'tool-call-delta', index, arguments: json })

describe('a stream', () => {
  test('begins and ends as the API does', () => {
    const message = {
      id: 'msg_hybrid_r1',
      type: 'message',
      role: 'assistant',
      model: 'parrot',
      content: [],
      stop_reason: null,
      stop_sequence: null,
      stop_details: null,
      container: null,
      diagnostics: null,
      usage: {
        ...counts,
        output_tokens: 1,
        output_tokens_details: { thinking_tokens: 0 },
        cache_creation: { ephemeral_5m_input_tokens: 2, ephemeral_1h_input_tokens: 1 },
        service_tier: null,
        inference_geo: null,
        speed: null,
      },
    }
    const delta = { stop_reason: 'end_turn', stop_sequence: null, stop_details: null, container: null }
    const end = [{ type: 'message_delta', delta, usage: counts }, { type: 'message_stop' }]
    assert.deepEqual(stream([]), [{ type: 'message_start', message }, ...end])
    assert.deepEqual(stream([said('Hi'), said(''), said(' there')]), [
      { type: 'message_start', message },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '', citations: null } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hi' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: ' there' } },
      { type: 'content_block_stop', index: 0 },
      ...end,
    ])
  })

  const cases: readonly {
    readonly name: string
    readonly parts: readonly ContentDelta[]
    readonly options?: Options
    readonly blocks: readonly unknown[]
  }[] = [
    {
      name: 'thoughts get their signature in one piece, before they end',
      parts: [thought('a'), thought('b'), signed('x'), signed('y'), said('c')],
      blocks: [
        ['thinking', 'a', 'b', 'xy'],
        ['text', 'c'],
      ],
    },
    {
      name: 'thoughts that nobody signed say so',
      parts: [thought('a'), said('c')],
      blocks: [
        ['thinking', 'a', 'unsigned'],
        ['text', 'c'],
      ],
    },
    {
      name: 'thoughts after a signature are others',
      parts: [thought('a'), signed('x'), thought('b'), signed('y')],
      blocks: [
        ['thinking', 'a', 'x'],
        ['thinking', 'b', 'y'],
      ],
    },
    {
      name: 'encrypted thoughts',
      parts: [redacted, said('c')],
      blocks: [['redacted_thinking'], ['text', 'c']],
    },
    {
      name: 'thoughts that nobody asked for leave their signature only',
      parts: [thought('a'), signed('x'), thought('b'), signed('y'), redacted, said('c')],
      options: { thinking: false },
      blocks: [['thinking', 'x'], ['thinking', 'y'], ['redacted_thinking'], ['text', 'c']],
    },
    {
      name: 'and nothing at all where nobody signed them',
      parts: [thought('a'), thought('b'), said('c')],
      options: { thinking: false },
      blocks: [['text', 'c']],
    },
    {
      name: 'calls one after the other are passed on as they come',
      parts: [said('a'), call(0), more(0, '{"a"'), more(0, ':1}'), call(1), more(1, ''), more(1, '{}'), said('b')],
      blocks: [
        ['text', 'a'],
        ['tool_use', 't0', '{"a"', ':1}'],
        ['tool_use', 't1', '{}'],
        ['text', 'b'],
      ],
    },
    {
      name: 'calls that are mixed are put in order',
      parts: [
        call(0),
        call(1),
        call(2),
        more(1, '{"b"'),
        more(0, '{"a"'),
        more(2, '{}'),
        more(1, ':2}'),
        more(0, ':1}'),
      ],
      blocks: [
        ['tool_use', 't0', '{"a"', ':1}'],
        ['tool_use', 't1', '{"b":2}'],
        ['tool_use', 't2', '{}'],
      ],
    },
    {
      name: 'the rest of a call that went on waits no more',
      parts: [call(0), call(1), more(1, '{"b"'), more(0, '{}'), more(1, ':2}'), more(0, ' ')],
      blocks: [
        ['tool_use', 't0', '{}'],
        ['tool_use', 't1', '{"b"', ':2}'],
      ],
    },
    {
      name: 'a call without arguments, and one that broke off',
      parts: [call(0), call(1), more(1, '{"a')],
      blocks: [
        ['tool_use', 't0', '{}'],
        ['tool_use', 't1', '{"a'],
      ],
    },
    {
      name: 'other choices cannot be asked for',
      parts: [said('a'), { ...said('b'), choice: 1 }],
      blocks: [['text', 'a']],
    },
  ]
  for (const { name, parts, options, blocks: expected } of cases) {
    test(name, () => assert.deepEqual(blocks(parts, options), expected))
  }

  test('a sign of life is sent for thoughts that are not shown', () => {
    const writer = anthropicMessages.frames(requestThat(false))
    assert.equal(writer.part(thought('a')), writer.heartbeat)
    assert.deepEqual(events(writer.heartbeat), [{ type: 'ping' }])
  })

  test('an error is an event, and the last one', () => {
    const writer = anthropicMessages.frames(requestThat(true))
    assert.deepEqual(events(writer.error(new GatewayError('upstream_cut', 'it ended'), 'r1')), [
      { type: 'error', error: { type: 'api_error', message: 'it ended' }, request_id: 'r1' },
    ])
  })
})

describe('a whole reply', () => {
  test('has what the stream has', () => {
    const { content, ...rest } = whole([thought('a'), signed('x'), redacted, said('c'), call(0), more(0, '{"a":1}')], {
      reason: 'tool-calls',
    })
    assert.deepEqual(content, [
      { type: 'thinking', thinking: 'a', signature: 'x' },
      { type: 'redacted_thinking', data: 'xyz' },
      { type: 'text', text: 'c', citations: null },
      { type: 'tool_use', id: 't0', name: 'weather', input: { a: 1 }, caller: { type: 'direct' } },
    ])
    assert.deepEqual(rest, {
      id: 'msg_hybrid_r1',
      type: 'message',
      role: 'assistant',
      model: 'parrot',
      stop_reason: 'tool_use',
      stop_sequence: null,
      stop_details: null,
      container: null,
      diagnostics: null,
      usage: {
        ...counts,
        cache_creation: { ephemeral_5m_input_tokens: 2, ephemeral_1h_input_tokens: 1 },
        service_tier: null,
        inference_geo: null,
        speed: null,
      },
    })
  })

  test('thoughts: shown with or without a signature, or left out', () => {
    const parts = [thought('a'), said('b'), thought('c'), signed('x')]
    const text = { type: 'text', text: 'b', citations: null }
    assert.deepEqual(whole(parts).content, [
      { type: 'thinking', thinking: 'a', signature: 'unsigned' },
      text,
      { type: 'thinking', thinking: 'c', signature: 'x' },
    ])
    assert.deepEqual(whole(parts, { thinking: false }).content, [
      text,
      { type: 'thinking', thinking: '', signature: 'x' },
    ])
  })

  const inputs = [
    { json: '', input: {} },
    { json: ' {"a": [1]} ', input: { a: [1] } },
    { json: '{"a', input: { INVALID_JSON: '{"a' } },
    { json: '[1]', input: { INVALID_JSON: '[1]' } },
    { json: 'null', input: { INVALID_JSON: 'null' } },
  ]
  for (const { json, input } of inputs) {
    test(`arguments ${JSON.stringify(json)}`, () => {
      const [block] = whole([call(0), more(0, json)]).content as readonly { readonly input: unknown }[]
      assert.deepEqual(block?.input, input)
    })
  }

  test('arguments keep numbers that JavaScript would round', () => {
    assert.match(JSON.stringify(whole([call(0), more(0, '{"id": 12345678901234567890}')])), /"id":12345678901234567890/)
  })

  const refusal = { type: 'refusal', category: null, explanation: null }
  const stops: readonly { options: Options; parts?: readonly ContentDelta[]; is: readonly unknown[] }[] = [
    { options: {}, is: ['end_turn', null, null] },
    { options: { stopSequence: 'END' }, is: ['stop_sequence', 'END', null] },
    { options: { reason: 'length' }, is: ['max_tokens', null, null] },
    { options: { reason: 'content-filter' }, is: ['refusal', null, refusal] },
    { options: { reason: 'tool-calls' }, is: ['tool_use', null, null] },
    { options: {}, parts: [call(0)], is: ['tool_use', null, null] },
  ]
  for (const { options, parts = [said('a')], is } of stops) {
    test(`ends ${JSON.stringify(options)}${parts[0]?.type === 'tool-call' ? ' with a call' : ''}`, () => {
      const reply = whole(parts, options)
      assert.deepEqual([reply.stop_reason, reply.stop_sequence, reply.stop_details], is)
      const delta = stream(parts, options).at(-2)?.delta as Readonly<Record<string, unknown>>
      assert.deepEqual([delta.stop_reason, delta.stop_sequence, delta.stop_details], is)
    })
  }
})

describe('errors', () => {
  const cases: readonly (readonly [ErrorCode, number, string])[] = [
    ['invalid_request', 400, 'invalid_request_error'],
    ['context_too_long', 400, 'invalid_request_error'],
    ['unauthorized', 401, 'authentication_error'],
    ['budget_spent', 402, 'billing_error'],
    ['forbidden', 403, 'permission_error'],
    ['not_found', 404, 'not_found_error'],
    ['unknown_model', 404, 'not_found_error'],
    ['method_not_allowed', 405, 'invalid_request_error'],
    ['body_too_large', 413, 'request_too_large'],
    ['prompt_too_long', 413, 'request_too_large'],
    ['rate_limited', 429, 'rate_limit_error'],
    ['upstream_rate_limited', 429, 'rate_limit_error'],
    ['internal', 500, 'api_error'],
    ['upstream_failed', 502, 'api_error'],
    ['no_model_available', 503, 'api_error'],
    ['upstream_overloaded', 529, 'overloaded_error'],
    ['model_busy', 529, 'overloaded_error'],
    ['upstream_timeout', 504, 'timeout_error'],
  ]
  for (const [code, status, type] of cases) {
    test(`${code} is ${status} ${type}`, () => {
      const error = new GatewayError(code, 'why')
      const message = code === 'context_too_long' ? 'prompt is too long: why' : 'why'
      assert.equal(anthropicMessages.status?.(error), status)
      assert.deepEqual(anthropicMessages.error(error, 'r1'), {
        type: 'error',
        error: { type, message },
        request_id: 'r1',
      })
    })
  }

  test('the list of models is Anthropic’s for its clients alone', () => {
    const headers = { 'anthropic-version': '2023-06-01' }
    const claimed = ['/v1/models', '/v1/models/a/b', '/v1/chat/completions', '/v1/modelsx', '/api/v1/models']
    assert.deepEqual(
      claimed.map((path) => anthropicMessages.claims?.(headers, path)),
      [true, true, false, false, false],
    )
    assert.equal(anthropicMessages.claims?.({}, '/v1/models'), false)
  })
})
