import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chat } from '../../test/fixtures/stand-ins/calls.ts'
import type { ContentPart } from './content.ts'
import { estimatePromptTokens, inToolLoop, type Message, scoredText } from './request.ts'

const text = (said: string): ContentPart => ({ type: 'text', text: said })
const user = (...content: ContentPart[]): Message => ({ role: 'user', content })
const output = text('def f(): analyze and design the output of a tool')
const results: Message = {
  role: 'tool',
  content: [{ type: 'tool-result', callId: 'a', name: '', content: [output as never], isError: false }],
}

const cases: { name: string; messages: readonly Message[]; expected: string }[] = [
  {
    name: 'the last thing the user said, not the system prompt',
    messages: [{ role: 'system', content: [text('design and implement')] }, user(text('first')), user(text('hello'))],
    expected: 'hello',
  },
  { name: 'not what a tool said', messages: [user(text('weather?')), results], expected: 'weather?' },
  {
    name: 'not what an agent put into the user’s turn',
    messages: [user(text('<system-reminder>\nAnalyze all.\n</system-reminder>'), text('hello'))],
    expected: 'hello',
  },
  {
    name: 'an earlier turn, where the last one holds nothing of the user’s own',
    messages: [user(text('hello')), user(text('<system-reminder>x</system-reminder>'))],
    expected: 'hello',
  },
  {
    name: 'what stands before, between and behind reminders, and one that is not closed',
    messages: [
      user(
        text(
          'a<system-reminder>x<environment_context></system-reminder>b<environment_context>y</environment_context>c<system-reminder>d',
        ),
      ),
    ],
    expected: 'abc<system-reminder>d',
  },
  { name: 'pieces as they stand', messages: [user(text('a '), text('< b'))], expected: 'a < b' },
  { name: 'whatever is there, without a user', messages: [{ role: 'system', content: [text('x')] }], expected: 'x' },
]

for (const { name, messages, expected } of cases) {
  test(`scored text: ${name}`, () => assert.equal(scoredText(chat('', { messages })), expected))
}

const loops: { name: string; messages: readonly Message[]; expected: boolean }[] = [
  { name: 'results', messages: [user(text('a')), results], expected: true },
  {
    name: 'results, and what an agent adds to them',
    messages: [results, user(text('<system-reminder>x</system-reminder>\n')), { role: 'system', content: [text('x')] }],
    expected: true,
  },
  { name: 'results, and a word of the user', messages: [results, user(text('stop'))], expected: false },
  { name: 'a question', messages: [user(text('a'))], expected: false },
]

for (const { name, messages, expected } of loops) {
  test(`a tool loop: ${name}`, () => assert.equal(inToolLoop(chat('', { messages })), expected))
}

test('the estimate counts what is sent beside the text', () => {
  const plain = estimatePromptTokens(chat('x'.repeat(400)))
  assert.equal(plain, 100)
  const picture: ContentPart = { type: 'image', source: { kind: 'url', url: 'https://x/y.png' } }
  assert.ok(estimatePromptTokens(chat('', { messages: [user(picture)] })) >= 1000)
  const parameters = { type: 'object', description: 'y'.repeat(4000) }
  assert.ok(estimatePromptTokens(chat('', { tools: [{ type: 'function', name: 'f', parameters }] })) > 1000)
  assert.ok(estimatePromptTokens(chat('', { messages: [user(text('hi')), results] })) > 10)
})

test('reminders that are never closed do not cost their square', () => {
  const opened = '<system-reminder>'.repeat(200_000)
  // By the square, this takes minutes.
  assert.equal(scoredText(chat('', { messages: [user(text(opened))] })), opened)
})
