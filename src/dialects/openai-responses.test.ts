import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { answerFacts } from '../../test/fixtures/dialect-calls.ts'
import { receipt } from '../../test/fixtures/receipt.ts'
import { GatewayError } from '../core/errors.ts'
import { MessageBuilder } from '../core/message-builder.ts'
import type { ContentDelta, FinishReason } from '../core/reply.ts'
import type { ChatRequest } from '../core/request.ts'
import { noUsage } from '../core/usage.ts'
import { sealReasoning } from '../serve-responses/reasoning.ts'
import { type ResponseObject, responsesReply } from '../serve-responses/reply.ts'
import { openaiResponses } from './openai-responses.ts'

const facts = { ...answerFacts, requestId: 'r1' }

const tools = [
  { type: 'function', name: 'weather', parameters: { type: 'object' }, strict: true },
  { type: 'custom', name: 'apply_patch' },
  { type: 'namespace', name: 'maps', tools: [{ type: 'function', name: 'route', parameters: null }] },
]

function ask(fields: object = {}): ChatRequest {
  const body = { model: 'auto', input: 'Hi', tools, ...fields }
  const bodyText = JSON.stringify(body)
  const head = { requestId: 'r1', headers: {}, maxPromptCharacters: 100, path: '', query: '', bodyText }
  return openaiResponses.parse(body, head)
}

type Event = Readonly<Record<string, unknown>> & { readonly type: string; readonly response?: ResponseObject }

function eventsOf(text: string): readonly Event[] {
  return text
    .split('\n\n')
    .filter((frame) => frame !== '')
    .map((frame, index) => {
      const [first = '', second = ''] = frame.split('\n')
      const event: Event = JSON.parse(second.slice('data: '.length))
      assert.equal(first, `event: ${event.type}`)
      assert.equal(event.sequence_number, index)
      return event
    })
}

function stream(request: ChatRequest, parts: readonly ContentDelta[], reason: FinishReason = 'stop'): readonly Event[] {
  const writer = openaiResponses.frames(request)
  const frames = [writer.start(facts), ...parts.map(writer.part), writer.end({ reason, receipt: receipt({}) })]
  return eventsOf(frames.join(''))
}

function whole(request: ChatRequest, parts: readonly ContentDelta[], reason: FinishReason = 'stop'): ResponseObject {
  const message = new MessageBuilder()
  for (const part of parts) message.add(part)
  return openaiResponses.whole(
    { facts, choices: message.finish({ reason }), receipt: receipt({}) },
    request,
  ) as ResponseObject
}

/** Without what differs from answer to answer. */
function plain(response: ResponseObject | undefined): unknown {
  const { created_at: _, completed_at: _at, ...rest } = structuredClone(response) ?? ({} as ResponseObject)
  return { ...rest, output: rest.output.map((item) => ({ ...item, id: item.id.replace(/_[0-9a-f]{32}/, '_') })) }
}

const word = (text: string): ContentDelta => ({ type: 'text-delta', text })
const thought = (text: string): ContentDelta => ({ type: 'reasoning-delta', text })
const called = (index: number, name: string): ContentDelta => ({ type: 'tool-call', index, id: `call_${index}`, name })
const argued = (index: number, json: string): ContentDelta => ({ type: 'tool-call-delta', index, arguments: json })

const replies: readonly {
  readonly name: string
  readonly parts: readonly ContentDelta[]
  readonly reason?: FinishReason
  readonly output: readonly unknown[]
  /** Without `response.` and those that begin and end every stream. */
  readonly events: readonly string[]
}[] = [
  {
    name: 'text',
    parts: [word('Hel'), word(''), word('lo')],
    output: [message(0, 'Hello')],
    events: [
      'output_item.added',
      'content_part.added',
      'output_text.delta Hel',
      'output_text.delta lo',
      'output_text.done',
      'content_part.done',
      'output_item.done',
    ],
  },
  {
    name: 'nothing',
    parts: [],
    output: [message(0, '')],
    events: ['output_item.added', 'content_part.added', 'output_text.done', 'content_part.done', 'output_item.done'],
  },
  {
    name: 'text that was cut',
    parts: [thought('Hm'), word('Hel')],
    reason: 'length',
    output: [reasoning(0, 'Hm'), { ...message(1, 'Hel'), status: 'incomplete' }],
    events: [
      ...reasoningEvents('Hm'),
      'output_item.done',
      'output_item.added',
      'content_part.added',
      'output_text.delta Hel',
      'output_text.done',
      'content_part.done',
      'output_item.done',
    ],
  },
  {
    name: 'signed and encrypted thoughts',
    parts: [
      thought('One'),
      { type: 'reasoning-signature', signature: 'si' },
      { type: 'reasoning-signature', signature: 'g' },
      thought('Two'),
      { type: 'reasoning-redacted', data: 'secret' },
      { type: 'reasoning-signature', signature: 'alone' },
      called(0, 'weather'),
      argued(0, '{}'),
    ],
    reason: 'tool-calls',
    output: [
      { ...reasoning(0, 'One'), encrypted_content: sealReasoning({ signature: 'sig' }) },
      reasoning(1, 'Two'),
      { ...reasoning(2, ''), encrypted_content: sealReasoning({ redacted: 'secret' }) },
      { ...reasoning(3, ''), encrypted_content: sealReasoning({ signature: 'alone' }) },
      functionCall(4, 'call_0', '{}'),
    ],
    events: [
      ...reasoningEvents('One'),
      'output_item.done',
      ...reasoningEvents('Two'),
      'output_item.done',
      'output_item.added',
      'output_item.done',
      'output_item.added',
      'output_item.done',
      'output_item.added',
      'function_call_arguments.delta {}',
      'function_call_arguments.done',
      'output_item.done',
    ],
  },
  {
    name: 'calls whose arguments take turns, and one without any',
    parts: [
      called(0, 'weather'),
      argued(0, '{"a":'),
      called(1, 'weather'),
      argued(0, '1}'),
      argued(1, '{"b":2}'),
      called(2, 'maps__route'),
    ],
    reason: 'tool-calls',
    output: [
      functionCall(0, 'call_0', '{"a":1}'),
      functionCall(1, 'call_1', '{"b":2}'),
      { ...functionCall(2, 'call_2', '{}'), name: 'route', namespace: 'maps' },
    ],
    events: [
      'output_item.added',
      'function_call_arguments.delta {"a":',
      'output_item.added',
      'function_call_arguments.delta 1}',
      'function_call_arguments.delta {"b":2}',
      'function_call_arguments.done',
      'output_item.done',
      'function_call_arguments.done',
      'output_item.done',
      'output_item.added',
      'function_call_arguments.delta {}',
      'function_call_arguments.done',
      'output_item.done',
    ],
  },
  {
    name: 'free text, unwrapped',
    parts: [word('Now:'), called(0, 'apply_patch'), argued(0, '{"input":"***'), argued(0, ' Begin\\n"}')],
    reason: 'tool-calls',
    output: [message(0, 'Now:'), customCall(1, '*** Begin\n')],
    events: [
      'output_item.added',
      'content_part.added',
      'output_text.delta Now:',
      'output_text.done',
      'content_part.done',
      'output_item.done',
      'output_item.added',
      'custom_tool_call_input.delta *** Begin\n',
      'custom_tool_call_input.done',
      'output_item.done',
    ],
  },
  {
    name: 'free text that was cut',
    parts: [called(0, 'apply_patch'), argued(0, '{"input":"*** \\\\ Begin\\u00')],
    reason: 'length',
    output: [{ ...customCall(0, '*** \\ Begin'), status: 'incomplete' }],
    events: [
      'output_item.added',
      'custom_tool_call_input.delta *** \\ Begin',
      'custom_tool_call_input.done',
      'output_item.done',
    ],
  },
  {
    name: 'free text that the model did not wrap',
    parts: [called(0, 'apply_patch'), argued(0, '*** Begin')],
    reason: 'tool-calls',
    output: [customCall(0, '*** Begin')],
    events: [
      'output_item.added',
      'custom_tool_call_input.delta *** Begin',
      'custom_tool_call_input.done',
      'output_item.done',
    ],
  },
]

describe('replies, whole and streamed', () => {
  for (const { name, parts, reason, output, events } of replies) {
    test(name, () => {
      const request = ask()
      const reply = responsesReply.parse(whole(request, parts, reason))
      assert.deepEqual((plain(reply) as ResponseObject).output, output)

      const sent = stream(request, parts, reason)
      const [created, inProgress, ...rest] = sent
      const last = rest.pop()
      assert.deepEqual([created?.type, inProgress?.type], ['response.created', 'response.in_progress'])
      assert.deepEqual(responsesReply.parse(created?.response).output, [])
      assert.deepEqual(
        rest.map(({ type, delta }) => type.replace('response.', '') + (delta === undefined ? '' : ` ${delta}`)),
        events,
      )
      assert.equal(last?.type, `response.${reply.status}`)
      assert.deepEqual(plain(last?.response), plain(reply))
      const done = rest.filter(({ type }) => type === 'response.output_item.done')
      assert.deepEqual(new Set(done.map(({ item }) => item)), new Set(last?.response?.output))
    })
  }

  test('ids differ from answer to answer', () => {
    const ids = [1, 2].flatMap(() => whole(ask(), [thought('a'), word('b')]).output.map(({ id }) => id))
    assert.equal(new Set(ids).size, 4)
    assert.ok(ids.every((id) => id.length <= 64))
  })

  test('usage, with what it is made of', () => {
    const used = { ...noUsage, input: 1, cacheRead: 2, cacheWrite: 4, cacheWriteHour: 8, output: 16, reasoning: 32 }
    const choices = new MessageBuilder().finish({ reason: 'stop' })
    const reply = openaiResponses.whole({ facts, choices, receipt: receipt({ usage: used }) }, ask()) as ResponseObject
    assert.deepEqual(reply.usage, {
      input_tokens: 15,
      input_tokens_details: { cached_tokens: 2, cache_write_tokens: 12 },
      output_tokens: 48,
      output_tokens_details: { reasoning_tokens: 32 },
      total_tokens: 63,
    })
  })

  const endings = [
    { reason: 'stop', status: 'completed', details: null },
    { reason: 'tool-calls', status: 'completed', details: null },
    { reason: 'length', status: 'incomplete', details: { reason: 'max_output_tokens' } },
    { reason: 'content-filter', status: 'incomplete', details: { reason: 'content_filter' } },
  ] as const
  for (const { reason, status, details } of endings) {
    test(`the end for ${reason}`, () => {
      const reply = whole(ask(), [word('a')], reason)
      assert.deepEqual([reply.status, reply.incomplete_details], [status, details])
    })
  }

  test('the request is repeated, except for what is not kept', () => {
    const sent = {
      instructions: 'Be brief.',
      store: true,
      temperature: 0.5,
      text: { verbosity: 'low' },
      reasoning: { effort: 'low' },
      prompt_cache_key: 'k',
    }
    const reply = whole(ask(sent), [])
    assert.deepEqual(
      [reply.instructions, reply.store, reply.temperature, reply.text, reply.reasoning, reply.prompt_cache_key],
      ['Be brief.', false, 0.5, { format: { type: 'text' }, verbosity: 'low' }, { effort: 'low', summary: null }, 'k'],
    )
    assert.deepEqual(reply.tools, [{ description: null, ...tools[0] }, ...tools.slice(1)])
  })

  test('probabilities, only where they were asked for', () => {
    const logprobs = [{ token: 'é', logprob: -0.5, top: [{ token: '\ufffd', logprob: -1 }] }]
    const parts = [{ type: 'text-delta' as const, text: 'é', logprobs }, word('!')]
    const told = [
      { token: 'é', logprob: -0.5, bytes: [0xc3, 0xa9], top_logprobs: [{ token: '\ufffd', logprob: -1, bytes: [] }] },
    ]
    for (const [request, expected] of [
      [ask({ include: ['message.output_text.logprobs'] }), told],
      [ask(), []],
    ] as const) {
      const [item] = whole(request, parts).output
      assert.deepEqual(item?.type === 'message' && item.content[0]?.logprobs, expected)
      const events = stream(request, parts)
      const delta = events.find(({ type }) => type === 'response.output_text.delta')
      assert.deepEqual(delta?.logprobs, expected)
      assert.deepEqual(events.at(-1)?.response?.output.map(contentOf), [item].map(contentOf))
    }
  })

  test('other choices than the first are not told', () => {
    const events = stream(ask(), [word('a'), { type: 'text-delta', text: 'b', choice: 1 }])
    assert.deepEqual(events.at(-1)?.response?.output.map(contentOf), [message(0, 'a').content])
  })
})

test('an error within a stream is told as documented, as OpenAI sends it, and as the end of the response', () => {
  const writer = openaiResponses.frames(ask())
  const error = new GatewayError('context_too_long', 'too long', { field: 'input' })
  const frames = [writer.start(facts), writer.part(word('Hel')), writer.error(error, 'r1')]
  const [told, failed] = eventsOf(frames.join('')).slice(-2)
  const fault = {
    message: 'too long',
    type: 'invalid_request_error',
    param: 'input',
    code: 'context_length_exceeded',
    request_id: 'r1',
  }
  assert.deepEqual(told, { ...fault, type: 'error', error: fault, sequence_number: 5 })
  assert.equal(failed?.type, 'response.failed')
  const response = responsesReply.parse(failed?.response)
  assert.deepEqual([response.status, response.error?.code], ['failed', 'context_length_exceeded'])
})

function contentOf(item: ResponseObject['output'][number] | undefined): unknown {
  return item?.type === 'message' ? item.content : undefined
}

function message(index: number, text: string) {
  const content = [{ type: 'output_text', text, annotations: [], logprobs: [] }]
  return { type: 'message', id: `msg_000${index}`, status: 'completed', role: 'assistant', content }
}

function reasoning(index: number, text: string) {
  const summary = text === '' ? [] : [{ type: 'summary_text', text }]
  const encrypted = sealReasoning({})
  return { type: 'reasoning', id: `rs_000${index}`, status: 'completed', summary, encrypted_content: encrypted }
}

function reasoningEvents(text: string): readonly string[] {
  const events = ['part.added', `text.delta ${text}`, 'text.done', 'part.done'].map(
    (name) => `reasoning_summary_${name}`,
  )
  return ['output_item.added', ...events]
}

function functionCall(index: number, callId: string, json: string) {
  const head = { type: 'function_call', id: `fc_000${index}`, status: 'completed' }
  return { ...head, call_id: callId, name: 'weather', arguments: json }
}

function customCall(index: number, input: string) {
  const head = { type: 'custom_tool_call', id: `ctc_000${index}`, status: 'completed' }
  return { ...head, call_id: 'call_0', name: 'apply_patch', input }
}
