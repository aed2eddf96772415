import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OllamaReply } from './reply.ts'

const identity = { name: 'ollama', url: 'http://127.0.0.1:11434', keyHint: '', secrets: [] }

test('numbers in the arguments of a call stay as they were written', () => {
  const text =
    '{"message":{"tool_calls":[{"id":"a","function":{"name":"pay","arguments":{"to":12345678901234567890,"sum":1.50}}}]},"done":false}'
  const parts = [...new OllamaReply(identity, { oneCall: false }).partsOf(JSON.parse(text), text)]
  assert.deepEqual(parts, [
    { type: 'tool-call', index: 0, id: 'a', name: 'pay' },
    { type: 'tool-call-delta', index: 0, arguments: '{"to":12345678901234567890,"sum":1.50}' },
  ])
})
