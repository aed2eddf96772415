import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chat } from '../../test/fixtures/stand-ins/calls.ts'
import type { ChatRequest } from '../core/request.ts'
import { questionOf } from './eligible.ts'

const plain = 'What is the capital of France?'
const ask = (text: string, more: Partial<ChatRequest> = {}) =>
  questionOf(chat(text, { caching: 'use', ...more }), 's:', 0.3)

test('one question of plain words', () => {
  assert.equal(ask(plain)?.text, plain)
  assert.ok(ask(plain, { temperature: 0.2 }))
})

const personal = [
  'Write to jane.doe@example.com about the meeting',
  'Call me at +49 170 1234567 about the offer',
  'Is DE89 3704 0044 0532 0130 00 a valid account?',
  'Is 4111 1111 1111 1111 a valid card number?',
  'What does my doctor mean by a shadow on the lung?',
  'I am 45 and diagnosed with diabetes, what may I eat?',
  'Was bedeutet es, wenn mein Arzt von Schatten spricht?',
  'Is 192.168.17.4 reachable from outside?',
  'What is at https://example.com/secret?',
  'Does hyb_AbCdEfGhIjKl_0123456789 still work?',
  'What is the weather today in Rome?',
  'Explain `const x = f(3);` please: const x = f(3);',
  'short',
  'a'.repeat(601),
]
for (const text of personal) test(`not: ${text.slice(0, 60)}`, () => assert.equal(ask(text), undefined))

test('no conversations, tools, pictures, forms, and nothing that wants chance', () => {
  const user = { role: 'user' as const, content: [{ type: 'text' as const, text: plain }] }
  const others: readonly Partial<ChatRequest>[] = [
    { messages: [user, { role: 'assistant', content: [{ type: 'text', text: 'Paris' }] }, user] },
    { messages: [{ role: 'user', content: [...user.content, { type: 'image', source: { kind: 'url', url: 'x' } }] }] },
    { tools: [{ type: 'function', name: 'f', parameters: {} } as never] },
    { responseFormat: { type: 'json-object' } as never },
    { temperature: 1 },
    { choices: 2 },
    { caching: 'refresh' },
    { caching: 'off' },
    { session: 's' },
    { logprobs: { top: 2 } },
  ]
  for (const more of others) assert.equal(ask(plain, more), undefined, JSON.stringify(more))
})

test('what shapes the answer keeps questions apart', () => {
  const partition = ask(plain)?.partition
  assert.equal(ask('How high is the Eiffel tower?')?.partition, partition)
  assert.notEqual(ask(plain, { model: 'other' })?.partition, partition)
  assert.notEqual(ask(plain, { maxTokens: 5 })?.partition, partition)
  const system = { role: 'system' as const, content: [{ type: 'text' as const, text: 'Be rude.' }] }
  const user = { role: 'user' as const, content: [{ type: 'text' as const, text: plain }] }
  assert.notEqual(ask(plain, { messages: [system, user] })?.partition, partition)
})
