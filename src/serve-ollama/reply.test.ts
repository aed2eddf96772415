import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { answerFacts } from '../../test/fixtures/dialect-calls.ts'
import { receipt } from '../../test/fixtures/receipt.ts'
import { GatewayError } from '../core/errors.ts'
import type { ReplyChoice } from '../core/message-builder.ts'
import type { ContentDelta, FinishReason } from '../core/reply.ts'
import type { ChatRequest } from '../core/request.ts'
import { ollamaChat } from '../dialects/ollama-chat.ts'

const facts = { ...answerFacts, requestId: 'r1' }

function parse(fields: object): ChatRequest {
  const head = { requestId: 'r1', headers: {}, maxPromptCharacters: 100, path: '', query: '', bodyText: '' }
  return ollamaChat.parse({ model: 'auto', messages: [{ role: 'user', content: 'Hi' }], ...fields }, head)
}

describe('a stream', () => {
  const logprobs = [{ token: 'Hi', logprob: -0.5, top: [{ token: 'Hé', logprob: -0.7 }] }]

  function stream(parts: readonly ContentDelta[], { fields = {}, reason = 'stop' as FinishReason } = {}) {
    const writer = ollamaChat.frames(parse({ model: 'auto:latest', ...fields }))
    const ended = receipt({ durationMs: 10, firstContentMs: 4 })
    const text = [
      writer.start(facts),
      ...parts.map(writer.part),
      writer.heartbeat,
      writer.end({ reason, receipt: ended }),
    ]
    const lines = text.join('').split('\n')
    assert.equal(lines.pop(), '')
    return lines.map((line) => {
      const { created_at, ...rest } = JSON.parse(line)
      assert.ok(!Number.isNaN(Date.parse(created_at)))
      return rest
    })
  }

  const last = {
    model: 'auto:latest',
    message: { role: 'assistant', content: '' },
    remote_model: 'parrot',
    done_reason: 'stop',
    done: true,
    total_duration: 10_000_000,
    load_duration: 0,
    prompt_eval_count: 10,
    prompt_eval_duration: 4_000_000,
    eval_count: 5,
    eval_duration: 6_000_000,
  }
  const line = (message: object, more: object = {}) => ({
    model: 'auto:latest',
    message: { role: 'assistant', content: '', ...message },
    done: false,
    ...more,
  })

  test('thoughts and text; signatures and other choices have no place', () => {
    const parts: ContentDelta[] = [
      { type: 'reasoning-delta', text: 'Hm.' },
      { type: 'reasoning-signature', signature: 'abc' },
      { type: 'text-delta', text: 'Hi', logprobs },
      { type: 'text-delta', text: 'Other', choice: 1 },
    ]
    assert.deepEqual(stream(parts), [line({ thinking: 'Hm.' }), line({ content: 'Hi' }), last])
  })

  test('log-probabilities, where they were asked for', () => {
    const entry = { token: 'Hi', logprob: -0.5, bytes: [72, 105] }
    const [one] = stream([{ type: 'text-delta', text: 'Hi', logprobs }], { fields: { logprobs: true } })
    assert.deepEqual(one.logprobs, [entry])
    const [two] = stream([{ type: 'text-delta', text: 'Hi', logprobs }], {
      fields: { logprobs: true, top_logprobs: 1 },
    })
    assert.deepEqual(two.logprobs, [
      { ...entry, top_logprobs: [{ token: 'Hé', logprob: -0.7, bytes: [72, 195, 169] }] },
    ])
  })

  test('calls come whole, in one line, even where their pieces are mixed', () => {
    const parts: ContentDelta[] = [
      { type: 'tool-call', index: 0, id: 'a', name: 'weather' },
      { type: 'tool-call-delta', index: 0, arguments: '{"ci' },
      { type: 'tool-call', index: 1, id: 'b', name: 'time' },
      { type: 'tool-call-delta', index: 1, arguments: '' },
      { type: 'tool-call-delta', index: 0, arguments: 'ty":"Paris"}' },
    ]
    const calls = [
      { id: 'a', function: { index: 0, name: 'weather', arguments: { city: 'Paris' } } },
      { id: 'b', function: { index: 1, name: 'time', arguments: {} } },
    ]
    assert.deepEqual(stream(parts, { reason: 'tool-calls' }), [line({ tool_calls: calls }), last])
  })

  const broken: ContentDelta[] = [
    { type: 'tool-call', index: 0, id: 'a', name: 'weather' },
    { type: 'tool-call-delta', index: 0, arguments: '{"city":"Pa' },
  ]
  test('a call that was cut at the limit is left out', () => {
    assert.deepEqual(stream(broken, { reason: 'length' }), [{ ...last, done_reason: 'length' }])
  })

  test('a call whose arguments are broken is an error', () => {
    assert.throws(() => stream(broken, { reason: 'tool-calls' }), /'weather' with arguments that are no JSON object/)
  })

  test('an error is a line', () => {
    const error = new GatewayError('upstream_cut', 'the end')
    assert.equal(ollamaChat.frames(parse({})).error(error, 'r1'), '{"error":"the end"}\n')
  })
})

describe('a whole reply', () => {
  function whole(choice: Partial<ReplyChoice>, fields: object = {}) {
    const choices: ReplyChoice[] = [{ content: [], reason: 'stop', ...choice }]
    return ollamaChat.whole({ facts, choices, receipt: receipt({}) }, parse(fields)) as Record<string, unknown>
  }

  test('text, thoughts, calls', () => {
    const { message, done, done_reason } = whole({
      content: [
        { type: 'reasoning', text: 'Hm.' },
        { type: 'text', text: 'I shall look.' },
        { type: 'tool-call', id: 'a', name: 'weather', arguments: '{"city":"Paris"}' },
      ],
      reason: 'tool-calls',
    })
    assert.deepEqual([done, done_reason], [true, 'stop'])
    assert.deepEqual(message, {
      role: 'assistant',
      content: 'I shall look.',
      thinking: 'Hm.',
      tool_calls: [{ id: 'a', function: { index: 0, name: 'weather', arguments: { city: 'Paris' } } }],
    })
  })

  test('log-probabilities', () => {
    const content = [{ type: 'text', text: 'Hi' }] as const
    const { logprobs } = whole({ content, logprobs: [{ token: 'Hi', logprob: -1 }] }, { logprobs: true })
    assert.deepEqual(logprobs, [{ token: 'Hi', logprob: -1, bytes: [72, 105] }])
  })

  test('cut at its limit', () => {
    assert.equal(whole({ reason: 'length' }).done_reason, 'length')
  })
})
