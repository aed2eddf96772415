import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toldBy } from '../translation/pass-through.ts'
import { messageReader, streamError } from './reply.ts'

const identity = { name: 'claude', url: 'http://127.0.0.1', keyHint: 'ANTHROPIC_API_KEY', secrets: [] }

test('a compaction is billed beside the message that it made room for', () => {
  const reader = messageReader()
  reader.read({ type: 'message_start', message: { usage: { input_tokens: 10, output_tokens: 1 } } })
  const iterations = [
    {
      type: 'compaction',
      input_tokens: 1000,
      cache_read_input_tokens: 200,
      cache_creation_input_tokens: 70,
      cache_creation: { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 40 },
      output_tokens: 300,
    },
    { type: 'message', input_tokens: 10, output_tokens: 5 },
  ]
  reader.read({
    type: 'message_delta',
    delta: { stop_reason: 'end_turn' },
    usage: { output_tokens: 5, output_tokens_details: { thinking_tokens: 2 }, iterations },
  })
  assert.deepEqual(reader.finish().usage, {
    input: 1010,
    cacheRead: 200,
    cacheWrite: 30,
    cacheWriteHour: 40,
    output: 303,
    reasoning: 2,
  })
})

for (const type of ['authentication_error', 'permission_error', 'billing_error']) {
  test(`what a stream says about our account is not told: ${type}`, () => {
    const error = streamError(identity, { type, message: 'invalid key sk-1' })
    assert.equal(error.code, 'upstream_unauthorized')
    assert.equal(toldBy(error, 'event: error\n\n'), error)
  })
}
