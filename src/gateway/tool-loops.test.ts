import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chat } from '../../test/fixtures/stand-ins/calls.ts'
import type { ReplyChoice } from '../core/message-builder.ts'
import type { ChatRequest } from '../core/request.ts'
import { ToolLoops } from './tool-loops.ts'

const calls = (id: string): readonly ReplyChoice[] => [
  { content: [{ type: 'tool-call', id, name: 'f', arguments: '{}' }], reason: 'tool-calls' },
]

function answering(callId: string, begin = 'hello', overrides: Partial<ChatRequest> = {}): ChatRequest {
  return chat(begin, {
    messages: [
      { role: 'user', content: [{ type: 'text', text: begin }] },
      { role: 'assistant', content: [{ type: 'tool-call', id: callId, name: 'f', arguments: '{}' }] },
      { role: 'tool', content: [{ type: 'tool-result', callId, name: '', content: [], isError: false }] },
    ],
    ...overrides,
  })
}

test('a loop is known by the id of its call, whatever else changed', () => {
  const loops = new ToolLoops()
  loops.remember(chat('hello'), 'claude', calls('call_1'))
  assert.equal(loops.modelOf(answering('call_1', 'another beginning')), 'claude')
})

test('two conversations that begin alike are told apart by their calls', () => {
  const loops = new ToolLoops()
  loops.remember(chat('hello'), 'claude', calls('call_1'))
  loops.remember(chat('hello'), 'small', calls('call_2'))
  assert.equal(loops.modelOf(answering('call_1')), 'claude')
  assert.equal(loops.modelOf(answering('call_2')), 'small')
})

test('clients that repeat no ids are known by their session, or by how the conversation began', () => {
  const loops = new ToolLoops()
  loops.remember(chat('hello', { session: 'one' }), 'claude', calls('call_1'))
  assert.equal(loops.modelOf(answering('unnamed-1', 'compacted', { session: 'one' })), 'claude')
  assert.equal(loops.modelOf(answering('unnamed-1', 'hello')), 'claude')
  assert.equal(loops.modelOf(answering('unnamed-1', 'something else')), undefined)
})

test('outside of a loop, and after an answer without calls, there is nothing to stay with', () => {
  const loops = new ToolLoops()
  loops.remember(chat('hello', { session: 'one' }), 'claude', calls('call_1'))
  assert.equal(loops.modelOf(chat('hello', { session: 'one' })), undefined)
  loops.remember(chat('bye', { session: 'two' }), 'claude', [{ content: [], reason: 'stop' }])
  assert.equal(loops.modelOf(answering('unnamed-1', 'bye', { session: 'two' })), undefined)
})
