import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deltasOf, MessageBuilder, type ReplyChoice } from './message-builder.ts'
import type { ContentDelta, FinishReason } from './reply.ts'

const cases: { name: string; parts: readonly ContentDelta[]; expected: readonly ReplyChoice['content'][] }[] = [
  { name: 'nothing', parts: [], expected: [[]] },
  {
    name: 'text in pieces, with log-probabilities',
    parts: [
      { type: 'text-delta', text: 'a', logprobs: [{ token: 'a', logprob: -1 }] },
      { type: 'text-delta', text: 'b' },
    ],
    expected: [[{ type: 'text', text: 'ab' }]],
  },
  {
    name: 'thoughts, each with its signature, before text and calls',
    parts: [
      { type: 'reasoning-delta', text: 'first' },
      { type: 'reasoning-signature', signature: 's1' },
      { type: 'reasoning-delta', text: 'second' },
      { type: 'reasoning-redacted', data: 'xyz' },
      { type: 'text-delta', text: 'hm' },
      { type: 'tool-call', index: 0, id: 'a', name: 'f' },
      { type: 'tool-call', index: 1, id: 'b', name: 'g' },
      { type: 'tool-call-delta', index: 1, arguments: '{"y":' },
      { type: 'tool-call-delta', index: 0, arguments: '{"x":1}' },
      { type: 'tool-call-delta', index: 1, arguments: '2}' },
    ],
    expected: [
      [
        { type: 'reasoning', text: 'first', signature: 's1' },
        { type: 'reasoning', text: 'second' },
        { type: 'reasoning', text: '', redacted: 'xyz' },
        { type: 'text', text: 'hm' },
        { type: 'tool-call', id: 'a', name: 'f', arguments: '{"x":1}' },
        { type: 'tool-call', id: 'b', name: 'g', arguments: '{"y":2}' },
      ],
    ],
  },
  {
    name: 'a call without arguments has an empty object of them',
    parts: [{ type: 'tool-call', index: 0, id: 'a', name: 'f' }],
    expected: [[{ type: 'tool-call', id: 'a', name: 'f', arguments: '{}' }]],
  },
  {
    name: 'choices that come at the same time',
    parts: [
      { type: 'text-delta', text: 'one', choice: 1 },
      { type: 'text-delta', text: 'zero' },
      { type: 'text-delta', text: '!', choice: 1 },
    ],
    expected: [[{ type: 'text', text: 'zero' }], [{ type: 'text', text: 'one!' }]],
  },
]

for (const { name, parts, expected } of cases) {
  test(`a reply put together: ${name}`, () => {
    const choices = built(parts)
    assert.deepEqual(
      choices.map(({ content }) => content),
      expected,
    )
    // A finished reply taken apart again says the same: that is how a cached one is answered.
    const again = built(choices.flatMap((choice, index) => [...deltasOf(choice, index)]))
    assert.deepEqual(again, choices)
  })
}

test('each choice has its own reason, and the first one the stop sequence', () => {
  const builder = new MessageBuilder()
  builder.add({ type: 'text-delta', text: 'x' })
  const reasons: FinishReason[] = ['stop', 'length']
  const choices = builder.finish({ reason: 'stop', reasons, stopSequence: 'END' })
  assert.deepEqual(
    choices.map(({ reason, stopSequence }) => [reason, stopSequence]),
    [
      ['stop', 'END'],
      ['length', undefined],
    ],
  )
})

function built(parts: readonly ContentDelta[]): readonly ReplyChoice[] {
  const builder = new MessageBuilder()
  for (const part of parts) builder.add(part)
  return builder.finish({ reason: 'stop' })
}
